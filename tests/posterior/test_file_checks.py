"""What a posterior's file claims is believed only after a look; each fault has its sentence."""

import json
import struct

import pyro.distributions as dist
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.posterior import DrawsPosterior, FunctionPosterior, LaplacePosterior
from zoo.posterior.damaged_file import DamagedFile
from zoo.posterior.storage import read_file, write_file

X, Y = torch.randn(6, 2), torch.randn(6, 1)
WEIGHT = "draws/layer1.weight"


def build(scale=1.0, noise=0.1, activation=nn.Tanh, dtype=torch.float32):
    torch.manual_seed(0)
    return zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[3], activation=activation).to(dtype),
        priors.WeightPrior(dist.Normal(0.0, scale)),
        likelihoods.Gaussian(noise),
    )


def random_draws(model, num_chains=1, length=20):
    dtype = model.first_parameter.dtype
    return {
        name: torch.randn(num_chains, length, *prior.shape(), dtype=dtype)
        for name, prior in model.latents.items()
    }


@pytest.fixture
def path(tmp_path):
    """Write a posterior of draws."""
    model = build()
    posterior = DrawsPosterior(model, draws=random_draws(model), state={}, info=None)
    posterior.save(tmp_path / "a.st")
    return tmp_path / "a.st"


def edited(path, edit, with_checksums=False):
    """Change the tensors of a file; version 0.6 wrote no checksums."""
    with safe_open(str(path), framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    if not with_checksums:
        del metadata["checksums"]
    edit(tensors)
    save_file(tensors, str(path), metadata=metadata)


def renamed(tensors):
    tensors["draws/x"] = tensors.pop(WEIGHT)


def nan(name):
    def edit(tensors):
        tensors[name].flatten()[7] = torch.nan

    return edit


def replaced(name, value):
    return lambda tensors: tensors.update({name: value})


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (
            lambda tensors: tensors.pop(WEIGHT),
            "a.st lacks draws of site 'layer1.weight'; the file was changed, or is of an",
        ),
        (
            renamed,
            "lacks draws of site 'layer1.weight' and has draws of site 'x' that the model",
        ),
        (
            replaced("draws/x", torch.zeros(1, 20, 3)),
            "a.st has draws of site 'x' that the model does not have",
        ),
        (
            replaced(WEIGHT, torch.zeros(1, 20, 2, 3)),
            r"draws of site 'layer1.weight' have shape \(1, 20, 2, 3\), not \(C, S, 3, 2\)",
        ),
        (
            replaced(WEIGHT, torch.zeros(20, 3, 2)),
            r"have shape \(20, 3, 2\), not \(C, S, 3, 2\)",
        ),
        (
            replaced(WEIGHT, torch.zeros(1, 0, 3, 2)),
            "with at least one chain C and one draw S",
        ),
        (
            replaced(WEIGHT, torch.zeros(1, 19, 3, 2)),
            "'layer1.weight' are 1 chains of 19, but those of 'layer1.bias' are 1 chains",
        ),
        (
            replaced(WEIGHT, torch.zeros(1, 20, 3, 2, dtype=torch.int64)),
            "'layer1.weight' has dtype torch.int64, but the model has torch.float32",
        ),
        (
            nan(WEIGHT),
            r"draws of site 'layer1.weight' hold NaN or infinite values, the first at \(0, 1,",
        ),
        (
            replaced("state/layer1.scale", torch.zeros(3)),
            "has state 'layer1.scale' that the model does not have",
        ),
        (
            replaced("masks/layer1.weight", torch.ones(3, 2)),
            "mask of site 'layer1.weight' has dtype torch.float32, but the model has torch.b",
        ),
        (
            replaced("masks/layer1.weight", torch.ones(2, 3, dtype=torch.bool)),
            r"mask of site 'layer1.weight' has shape \(2, 3\), but the model has \(3, 2\)",
        ),
    ],
)
def test_draws_that_are_not_those_of_the_model(path, edit, sentence):
    edited(path, edit)
    with pytest.raises(ValueError, match=sentence):
        zoo.load(path, build())


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (
            lambda tensors: tensors.pop(WEIGHT),
            f"tensor '{WEIGHT}' was written and is go",
        ),
        (
            replaced("draws/x", torch.ones(3)),
            "tensor 'draws/x' was not written with it",
        ),
        (
            replaced(WEIGHT, torch.zeros(1, 20, 3, 2)),
            f"the checksum of tensor '{WEIGHT}' is not the one that was written; restore it",
        ),
    ],
)
def test_the_checksum_of_every_tensor_is_compared(path, edit, sentence):
    edited(path, edit, with_checksums=True)
    with pytest.raises(DamagedFile, match=f"a.st is damaged: {sentence}"):
        zoo.load(path, build())


def test_the_checksum_of_the_header_is_compared(path):
    content = path.read_bytes()
    assert content.count(b"Normal(0, 1)") == 4
    path.write_bytes(content.replace(b"Normal(0, 1)", b"Normal(0, 2)", 1))
    with pytest.raises(DamagedFile, match="damaged: the checksum of the header is not"):
        zoo.load(path, build())


def test_one_flipped_bit_is_found(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1  # the last tensor begins to differ in its last digits
    path.write_bytes(content)
    with pytest.raises(DamagedFile, match="the checksum of tensor"):
        zoo.load(path, build())


def test_a_file_without_checksums_loads(path):
    draws = zoo.load(path, build()).draws
    edited(path, lambda tensors: None)
    for name, value in zoo.load(path, build()).draws.items():
        assert torch.equal(value, draws[name]), name


# Sizes before memory


def write_claims(path, shape, bits, values=None):
    """Write a file of a few bytes that claims a tensor of another size."""
    tensors = {"draws/w//shape": shape, "draws/w//bits": bits}
    if values is not None:
        tensors["draws/w//values"] = values
    save_file(tensors, str(path), metadata={"zoo": "{}"})


BITS = torch.zeros(2, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("shape", "bits", "values", "sentence"),
    [
        (
            torch.tensor([9 * 10**9, 5]),
            BITS,
            None,
            "45,000,000,000 elements, but the fi",
        ),
        (torch.tensor([2**62, 2**62]), BITS, None, "but the file holds 16 bits for it"),
        (torch.tensor([-16]), BITS, None, r"has shape \(-16,\)"),
        (torch.tensor([16.0]), BITS, None, "but the file holds 16 bits for it"),
        (torch.tensor([9]), BITS[:1], None, "9 elements, but the file holds 8 bits"),
        (torch.tensor([16]), BITS.float(), None, "but the file holds 0 bits for it"),
        (
            torch.tensor([16]),
            BITS + 1,
            torch.ones(3),
            "has 2 values that are not zero, but the file holds 3",
        ),
    ],
)
def test_a_size_that_the_file_does_not_have(tmp_path, shape, bits, values, sentence):
    write_claims(tmp_path / "a.st", shape, bits, values)
    assert (tmp_path / "a.st").stat().st_size < 400
    with pytest.raises(DamagedFile, match=f"damaged: tensor 'draws/w' .*{sentence}"):
        read_file(tmp_path / "a.st", "zoo")


def test_a_header_that_claims_more_than_the_file_has(tmp_path):
    claim = {"w": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 4 * 10**9]}}
    text = json.dumps(claim).encode()
    (tmp_path / "a.st").write_bytes(struct.pack("<Q", len(text)) + text)
    with pytest.raises(DamagedFile, match="is damaged or not a safetensors file"):
        read_file(tmp_path / "a.st", "zoo")


@pytest.mark.parametrize("text", ["[1]", "3", '"a"', "[" * 100_000])
def test_a_header_that_is_no_object(tmp_path, text):
    save_file({"w": torch.zeros(2)}, str(tmp_path / "a.st"), metadata={"zoo": text})
    with pytest.raises(DamagedFile, match="is damaged"):
        read_file(tmp_path / "a.st", "zoo")


# The header


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"tensors": None}, "its header has None under 'tensors'"),
        ({"guide": 3}, "its header has 3 under 'guide'"),
        ({"facts": []}, r"its header has \[\] under 'facts'"),
        ({"info": "MCMCInfo"}, "missing .* required keyword-only arguments"),
        (
            {"info": "SVIInfo", "facts": {"seconds": "long"}},
            "seconds is no statistic of",
        ),
        (
            {"info": "SVIInfo", "facts": {"stopped": 3}},
            "stopped is no statistic of SVII",
        ),
        (
            {"info": "SVIInfo", "facts": {"colour": 3}},
            "colour is no statistic of SVIInf",
        ),
        (
            {"info": "SVIInfo", "facts": {"losses": [1.0]}},
            "losses is no statistic of SV",
        ),
    ],
)
def test_a_header_of_another_kind(path, change, sentence):
    header, tensors = read_file(path, "zoo")
    write_file(path, tensors, {"zoo": json.dumps(header | change)})
    with pytest.raises(DamagedFile, match=f"a.st is damaged: .*{sentence}"):
        zoo.load(path, build())


# Guides, modes, function values


def test_a_guide_with_values_that_are_not_finite(tmp_path):
    model = build()
    engine = inference.SVI(model, guides.MeanField(model), num_steps=2, progress=False)
    engine.fit((X, Y)).save(tmp_path / "a.st")
    name = next(iter(guides.MeanField(model).state_dict()))
    edited(tmp_path / "a.st", replaced(f"guide/{name}", torch.full((3, 2), torch.nan)))
    guide = guides.MeanField(model)
    before = {key: value.clone() for key, value in guide.state_dict().items()}
    with pytest.raises(ValueError, match=f"guide's tensor '{name}' hold NaN"):
        zoo.load(tmp_path / "a.st", model, guide=guide)
    for key, value in guide.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_the_mode_of_a_laplace_approximation(tmp_path):
    model = build()
    centre = {name: torch.zeros(prior.shape()) for name, prior in model.latents.items()}
    posterior = LaplacePosterior(
        model, draws=random_draws(model), centre=centre, state={}, info=None
    )
    posterior.save(tmp_path / "a.st")
    assert torch.equal(
        zoo.load(tmp_path / "a.st", model).centre["layer1.bias"], torch.zeros(3)
    )
    edited(tmp_path / "a.st", lambda tensors: tensors.pop("centre/layer1.bias"))
    with pytest.raises(ValueError, match=r"a.st lacks mode of site 'layer1.bias'"):
        zoo.load(tmp_path / "a.st", model)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (
            lambda tensors: tensors.pop("functions/inputs"),
            "lacks function values 'inputs'",
        ),
        (
            replaced("functions/values", torch.zeros(1, 20, 5, 1)),
            r"have shape \(1, 20, 5, 1\), not \(C, S, 6, ...\) for 6 inputs",
        ),
        (
            replaced("functions/values", torch.zeros(1, 10, 6, 1)),
            r"site 'likelihood:scale' have shape \(1, 20\), but there are function values",
        ),
        (
            lambda tensors: tensors.pop("draws/likelihood:scale"),
            "lacks draws of site 'likelihood:scale'",
        ),
    ],
)
def test_function_values(tmp_path, edit, sentence):
    model = build(noise=dist.HalfNormal(1.0))
    posterior = FunctionPosterior(
        model,
        functions=(X, torch.randn(1, 20, 6, 1)),
        draws={"likelihood:scale": torch.ones(1, 20)},
        state={},
        info=None,
    )
    posterior.save(tmp_path / "a.st")
    assert zoo.load(tmp_path / "a.st", model).num_samples == 20
    edited(tmp_path / "a.st", edit)
    with pytest.raises(ValueError, match=sentence):
        zoo.load(tmp_path / "a.st", model)


# State


class Masked(nn.Linear):
    """A layer with a buffer that holds infinity, as the mask of an attention does."""

    def __init__(self):
        super().__init__(2, 1)
        self.register_buffer("mask", torch.tensor([0.0, -torch.inf]))

    def forward(self, x):
        return super().forward(x) + self.mask[0]


def test_infinity_that_the_network_has_itself_is_left_alone(tmp_path):
    model = zoo.BayesianNetwork(
        Masked(), priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihoods.Gaussian(0.1)
    )
    engine = inference.SVI(model, guides.MeanField(model), num_steps=2, progress=False)
    engine.fit((X, Y)).save(tmp_path / "a.st")
    again = zoo.load(tmp_path / "a.st", model, guide=guides.MeanField(model))
    assert torch.equal(again.state["mask"], model.network.mask)


def test_a_buffer_that_is_gone(tmp_path):
    model = zoo.BayesianNetwork(
        nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1)),
        priors.WeightPrior(priors.all_but_normalisation(dist.Normal(0.0, 1.0))),
        likelihoods.Gaussian(0.1),
    )
    engine = inference.SVI(model, guides.MeanField(model), num_steps=2, progress=False)
    engine.fit((X, Y)).save(tmp_path / "a.st")
    edited(tmp_path / "a.st", lambda tensors: tensors.pop("state/1.running_mean"))
    with pytest.raises(ValueError, match=r"lacks state '1.running_mean'"):
        zoo.load(tmp_path / "a.st", model, guide=guides.MeanField(model))


# Another prior, noise, network or precision


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (
            lambda: build(scale=2.0),
            r"differ in prior of layer1.weight \(file Normal\(0, 1\), model Normal\(0, 2\)\)",
        ),
        (lambda: build(noise=0.5), r"differ in likelihood \(file Gaussian\(scale=0.1"),
        (
            lambda: build(activation=nn.ReLU),
            r"differ in network activation1 \(file Tanh\(\), mo",
        ),
    ],
    ids=["prior", "noise", "activation"],
)
def test_another_model_with_the_same_sites_is_said(path, model, sentence):
    with pytest.warns(
        UserWarning, match=f"a.st holds the posterior of another model: they {sentence}"
    ):
        zoo.load(path, model())


@pytest.mark.parametrize("kind", ["SVI", "draws"])
@pytest.mark.parametrize("stored", [torch.float64, torch.float32])
def test_another_precision_is_cast(tmp_path, kind, stored):
    dtype = torch.float32 if stored == torch.float64 else torch.float64
    model, other = build(dtype=stored), build(dtype=dtype)
    guide = None
    if kind == "SVI":
        fresh = guides.MeanField(model)
        fitted = inference.SVI(model, fresh, num_steps=3, progress=False)
        posterior = fitted.fit((X.to(stored), Y.to(stored)))
        guide = guides.MeanField(other)
    else:
        draws = random_draws(model)
        posterior = DrawsPosterior(model, draws=draws, state={}, info=None)

    posterior.save(tmp_path / "a.st")
    if stored == torch.float64:
        with pytest.warns(
            UserWarning, match="of dtype torch.float64, which are rounded"
        ):
            again = zoo.load(tmp_path / "a.st", other, guide=guide)
    else:
        again = zoo.load(tmp_path / "a.st", other, guide=guide)

    for name, value in posterior.tensors().items():
        cast = again.tensors()[name]
        assert cast.dtype == dtype
        torch.testing.assert_close(cast, value.to(dtype), rtol=0, atol=0)
    assert again.predict(X, num_samples=5).mean.dtype == dtype


def test_values_too_large_for_the_models_precision(tmp_path):
    model = build(dtype=torch.float64)
    draws = random_draws(model)
    draws["layer1.bias"] = 1e300 * draws["layer1.bias"]
    posterior = DrawsPosterior(model, draws=draws, state={}, info=None)
    posterior.save(tmp_path / "a.st")
    with (
        pytest.warns(UserWarning, match="rounded"),
        pytest.raises(ValueError, match="values in the model's dtype of draws of site"),
    ):
        zoo.load(tmp_path / "a.st", build())


# HTML

SCRIPT = "<script>alert(1)</script>"


def test_names_from_a_user_or_a_file_are_escaped(tmp_path):
    network = nn.Linear(2, 1)
    network.register_parameter(SCRIPT, nn.Parameter(torch.zeros(2)))
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihoods.Gaussian(0.1)
    )
    family = type(SCRIPT, (guides.MeanField,), {})
    guide = family(model)
    engine = inference.SVI(model, guide, num_steps=2, progress=False)
    posterior = engine.fit((X, Y))
    posterior.info.stopped = SCRIPT
    posterior.save(tmp_path / "a.st")
    again = zoo.load(tmp_path / "a.st", model, guide=family(model))

    part = zoo.datasets.Split(X, Y)
    shown = [posterior, again, again.info, guide, model, model.summary()]
    shown.append(posterior.predict(X, num_samples=2))
    shown.append(zoo.explain(model, guide, num_samples=2))
    shown.append(zoo.datasets.Dataset(SCRIPT, part, part))
    for each in shown:
        page = each._repr_html_()
        assert "<script" not in page, type(each)
    assert "&lt;script&gt;" in again._repr_html_()
    assert "&lt;script&gt;" in again.info._repr_html_()
