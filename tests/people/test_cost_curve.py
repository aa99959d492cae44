"""Who should answer: against the closed form of Chow's rule, and against simulated people."""

import math

import matplotlib.pyplot as plt
import pytest
import torch

from zoo import likelihoods, people
from zoo.predictive.prediction import Prediction

NUM = 40_000
RANDOM = torch.Generator().manual_seed(0)
ONE = torch.rand(NUM, generator=RANDOM)  # the probability of class 1, uniform
Y = torch.bernoulli(ONE, generator=RANDOM).long()
PREDICTION = Prediction(
    likelihoods.Categorical(), torch.stack([1 - ONE, ONE], -1).log().unsqueeze(0)
)


def of_share(wrong):
    """Return counts of 20 people of whom a share is wrong everywhere."""
    number = round(20 * wrong)
    counts = torch.full((NUM, 2), number)
    return counts.scatter(1, Y.unsqueeze(1), 20 - number)


@pytest.mark.parametrize(("price", "wrong"), [(0.2, 0.0), (0.1, 0.05), (0.0, 0.1)])
def test_of_a_calibrated_machine_the_cost_is_that_of_chows_rule(price, wrong):
    found = people.cost_curve(PREDICTION, Y, of_share(wrong), [price])
    threshold = price + wrong  # the machine's loss is uniform up to a half
    exact = 2 * (threshold**2 / 2 + threshold * (0.5 - threshold))
    cost = found.policy[0].double()
    error = cost.std() / math.sqrt(NUM)
    assert abs(cost.mean() - exact) < 5 * error
    assert abs(found.asked[0].double().mean() - (1 - 2 * threshold)) < 0.01
    assert found.machine.mean() > cost.mean() + 5 * error
    assert found.asking[0].mean() > cost.mean() + 5 * error
    assert found.best[0].mean() < cost.mean() - 5 * error
    if wrong:  # whoever believes that people never err asks too often
        asked = 1 - PREDICTION.probs.amax(-1) > price
        blind = torch.where(asked, found.asking[0], found.machine).mean()
        assert blind > cost.mean()


def test_the_person_is_the_mean_over_people_who_are_drawn():
    counts = of_share(0.3)
    found = people.cost_curve(PREDICTION, Y, counts, [0.05])
    answers = people.answers(counts)
    drawn = 0.05 + (answers != Y).float()
    error = math.sqrt(0.21 / NUM)
    assert abs(drawn.mean() - found.asking[0].mean()) < 5 * error


def test_people_who_know_one_class_are_asked_about_it():
    counts = torch.full((NUM, 2), 10)
    counts[Y == 1] = torch.tensor([0, 20])  # they see every 1 and half of the 0
    found = people.cost_curve(PREDICTION, Y, counts, [0.02])
    loss = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.52, 0.02]])
    expected = PREDICTION.decide(loss).chosen == 2
    assert torch.equal(found.asked[0], expected)
    asked = found.asked[0]
    assert asked[ONE < 0.4].double().mean() < asked[ONE > 0.6].double().mean()


def test_what_decides_a_half_comes_from_the_other():
    counts = of_share(0.0)
    counts[::2] = counts[::2].flip(1)  # every second input misleads all people
    found = people.cost_curve(PREDICTION, Y, counts, [0.1])
    assert not found.asked[0, 1::2].any()
    assert found.asked[0, ::2].any()


def test_a_curve_has_a_table_and_a_plot():
    plt.switch_backend("Agg")
    found = people.cost_curve(PREDICTION, Y, of_share(0.1), [0.0, 0.1, 0.6])
    rows = found.table.to_dicts()
    assert [row["price"] for row in rows] == pytest.approx([0.0, 0.1, 0.6])
    assert rows[2]["asked"] == 0
    assert rows[2]["policy"] == pytest.approx(rows[2]["machine alone"])
    for row in rows:
        assert row["at best"] <= row["policy"] <= row["machine alone"] + 1e-9
    ax = found.plot()
    assert len(ax.lines) == 4
    assert ax.get_xlabel() == "price of asking, errors"
    plt.close("all")


def test_no_price_gets_a_sentence():
    with pytest.raises(ValueError, match="prices is empty; give a price of asking"):
        people.cost_curve(PREDICTION, Y, of_share(0.1), [])
