"""A name that a package does not have is answered with what to write instead."""

import pytest

import zoo
from zoo import networks


def test_a_misspelt_name_is_answered_with_the_nearest():
    with pytest.raises(AttributeError, match=r"'MLPP'; the nearest are networks\.MLP$"):
        _ = networks.MLPP
    with pytest.raises(AttributeError, match=r"the nearest are zoo\.BayesianNetwork"):
        _ = zoo.BayesianNetworks


def test_any_other_name_is_answered_with_all_names():
    with pytest.raises(
        AttributeError, match=r"'xyzzy'; it has DSN, ESPCN, MLP, .*WideResNet"
    ):
        _ = networks.xyzzy


def test_a_name_of_python_gets_the_usual_error():
    with pytest.raises(AttributeError, match=r"no attribute '__wrapped__'$"):
        _ = networks.__wrapped__


def test_the_guides_are_a_package_of_their_own():
    with pytest.raises(AttributeError, match="no attribute 'guides'; write import gui"):
        _ = zoo.guides
