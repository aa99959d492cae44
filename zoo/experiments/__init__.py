"""Experiments of the literature as short programs, with their published numbers."""

from zoo.experiments.active_mnist import active_mnist
from zoo.experiments.bad_minima import bad_minima
from zoo.experiments.bayes_cnn import bayes_cifar10, bayes_lenet_mnist
from zoo.experiments.bayesian_gan import bayesian_gan
from zoo.experiments.bbb_mnist import bbb_mnist
from zoo.experiments.cold_posterior import cold_posterior
from zoo.experiments.connect_cifar10 import connect_cifar10
from zoo.experiments.connect_lenet import connect_lenet
from zoo.experiments.corrupt_mnist import corrupt_mnist
from zoo.experiments.dropout_cifar10 import dropout_cifar10
from zoo.experiments.dropout_lenet_mnist import dropout_lenet_mnist
from zoo.experiments.fast_cifar10 import fast_cifar10
from zoo.experiments.hcl_mnist import hcl_mnist
from zoo.experiments.hmc_lenet_nodes import hmc_lenet_nodes
from zoo.experiments.hmc_resnet_nodes import hmc_resnet_nodes
from zoo.experiments.long_tail import long_tail
from zoo.experiments.nodes_cifar10 import nodes_cifar10
from zoo.experiments.nodes_imagenet import nodes_imagenet
from zoo.experiments.nodes_lenet_width import nodes_lenet_width
from zoo.experiments.ood_mnist import ood_mnist
from zoo.experiments.pattern_mnist import pattern_mnist
from zoo.experiments.people_cifar10 import people_cifar10
from zoo.experiments.prune import prune_cifar10, prune_ecg, prune_mnist
from zoo.experiments.referral_cifar10 import referral_cifar10
from zoo.experiments.running.result import Result, read
from zoo.experiments.running.run import Experiment, Run
from zoo.experiments.segnet_camvid import segnet_camvid
from zoo.experiments.sgmcmc_cifar10 import sgmcmc_cifar10
from zoo.experiments.super_resolution import super_resolution
from zoo.experiments.surface_skips import surface_skips
from zoo.experiments.swag_cifar10 import swag_cifar10
from zoo.experiments.vcl_mnist import vcl_mnist
from zoo.experiments.weights_cifar10 import weights_cifar10

__all__ = [
    "Experiment",
    "Result",
    "Run",
    "active_mnist",
    "bad_minima",
    "bayes_cifar10",
    "bayes_lenet_mnist",
    "bayesian_gan",
    "bbb_mnist",
    "cold_posterior",
    "connect_cifar10",
    "connect_lenet",
    "corrupt_mnist",
    "dropout_cifar10",
    "dropout_lenet_mnist",
    "fast_cifar10",
    "hcl_mnist",
    "hmc_lenet_nodes",
    "hmc_resnet_nodes",
    "long_tail",
    "nodes_cifar10",
    "nodes_imagenet",
    "nodes_lenet_width",
    "ood_mnist",
    "pattern_mnist",
    "people_cifar10",
    "prune_cifar10",
    "prune_ecg",
    "prune_mnist",
    "read",
    "referral_cifar10",
    "segnet_camvid",
    "sgmcmc_cifar10",
    "super_resolution",
    "surface_skips",
    "swag_cifar10",
    "vcl_mnist",
    "weights_cifar10",
]


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
