"""Guides: families of distributions over the latent sites of a Pyro model, one family a file."""

from guides.delta import Delta
from guides.local_reparam import LocalReparam
from guides.mc_dropout import MCDropout
from guides.mean_field import MeanField
from guides.node_mixture import NodeMixture

__all__ = ["Delta", "LocalReparam", "MCDropout", "MeanField", "NodeMixture"]
