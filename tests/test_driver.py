"""`sdot.driver` and its environment variables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.faces import FACES, Face, FaceName
from support.problems import random_sites, uniform
from support.subprocesses import run_python

from sdot import SumOfDiracs, distance, driver, optimal_transport_plan

SITES = random_sites(5)


def test_defaults(tmp_path: Path) -> None:
    code = "from sdot import driver as d; print(d.framework, d.dtype, d.device, d.threads >= 1)"
    assert run_python(code, tmp_path).stdout == "numpy FP64 None True\n"


@pytest.mark.parametrize("name", FACES)
def test_the_framework_of_arguments_that_have_none(name: FaceName) -> None:
    face = Face(name)
    driver.framework = name
    with face.double_precision():
        for sites in (SITES, SITES.tolist()):
            value = distance(SumOfDiracs(sites), uniform())
            assert face.owns(value)
            assert face.dtype_name(value) == "float64"
            assert float(value) == distance_in_numpy()
        plan = optimal_transport_plan(SumOfDiracs(SITES), uniform())
        assert face.owns(plan.barycenters)


def distance_in_numpy() -> float:
    name, driver.framework = driver.framework, "numpy"
    value = float(distance(SumOfDiracs(SITES), uniform()))
    driver.framework = name
    return value


@pytest.mark.parametrize("own", ["jax", "torch"])
@pytest.mark.parametrize("name", FACES)
def test_arrays_keep_their_framework(name: FaceName, own: FaceName) -> None:
    face = Face(own)
    driver.framework = name
    with face.double_precision():
        assert face.owns(distance(SumOfDiracs(face.array(SITES)), uniform()))


@pytest.mark.parametrize("name", FACES)
def test_the_dtype_of_lists_and_integers(name: FaceName) -> None:
    face = Face(name)
    driver.framework, driver.dtype = name, "FP32"
    with face.double_precision():
        for sites in ([[0.25, 0.5], [0.5, 0.5]], np.array([[0, 1], [1, 0]])):
            assert face.dtype_name(distance(SumOfDiracs(sites), uniform())) == "float32"
        value = distance(SumOfDiracs(SITES), uniform())
        assert face.dtype_name(value) == "float64"
    driver.dtype = "FP64"
    with face.double_precision():
        value = distance(SumOfDiracs(SITES.astype(np.float32)), uniform())
        assert face.dtype_name(value) == "float32"


@pytest.mark.parametrize("name", ["jax", "torch"])
def test_the_device(name: FaceName) -> None:
    driver.framework, driver.device = name, "cpu"
    assert "cpu" in str(distance(SumOfDiracs(SITES), uniform()).device).lower()
    driver.device = "cpu:0"
    assert "cpu" in str(distance(SumOfDiracs(SITES), uniform()).device).lower()


@pytest.mark.parametrize(
    ("setting", "wrong", "choices"),
    [
        ("framework", "tensorflow", ["'numpy'", "'jax'", "'torch'"]),
        ("framework", "PyTorch", ["'numpy'", "'jax'", "'torch'"]),
        ("dtype", "half", ["'FP32'", "'FP64'"]),
        ("dtype", "FP16", ["'FP32'", "'FP64'"]),
        ("device", "tv", ["'cpu'", "'cuda'", "'gpu'"]),
    ],
)
def test_wrong_values_are_refused_with_the_list(
    setting: str, wrong: str, choices: list[str], tmp_path: Path
) -> None:
    before = getattr(driver, setting)
    with pytest.raises(ValueError, match=f"driver.{setting}") as caught:
        setattr(driver, setting, wrong)
    for part in [*choices, repr(wrong)]:
        assert part in str(caught.value)
    assert getattr(driver, setting) == before

    variable = f"SDOT_{setting.upper()}"
    result = run_python("import sdot", tmp_path, **{variable: wrong})
    assert result.returncode != 0
    for part in [variable, *choices, repr(wrong)]:
        assert part in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("setting", "wrong"),
    [
        ("framework", None),
        ("framework", np),
        ("dtype", np.float32),
        ("device", 0),
        ("threads", 1.5),
    ],
)
def test_values_of_a_wrong_type_are_refused(setting: str, wrong: object) -> None:
    with pytest.raises((TypeError, ValueError), match=f"driver.{setting}"):
        setattr(driver, setting, wrong)


@pytest.mark.parametrize("wrong", [0, -1])
def test_there_is_at_least_one_thread(wrong: int) -> None:
    with pytest.raises(ValueError, match=r"driver\.threads"):
        driver.threads = wrong


@pytest.mark.parametrize("many", [1025, 2**31, 10**30])
def test_more_threads_than_any_machine_has_are_refused(many: int) -> None:
    driver.threads = 1024
    with pytest.raises(ValueError, match=r"driver\.threads: expected at most 1024"):
        driver.threads = many
    assert driver.threads == 1024


@pytest.mark.parametrize("wrong", ["0", "many", "1.5"])
def test_a_wrong_number_of_threads_names_its_variable(wrong: str, tmp_path: Path) -> None:
    result = run_python("import sdot", tmp_path, SDOT_THREADS=wrong)
    assert result.returncode != 0
    assert "SDOT_THREADS" in result.stderr.splitlines()[-1]


def test_environment_variables(tmp_path: Path) -> None:
    code = """
import sdot
d = sdot.driver
value = sdot.distance(sdot.SumOfDiracs([[0.5, 0.5]]), sdot.PolynomialGrid([[1.0]]))
print(d.framework, d.dtype, d.device, d.threads, type(value).__name__, value.dtype, value.device)
"""
    settings = {"FRAMEWORK": "torch", "DTYPE": "FP32", "DEVICE": "cpu", "THREADS": "1"}
    pytest.importorskip("torch")
    environment = {f"SDOT_{name}": value for name, value in settings.items()}
    result = run_python(code, tmp_path, **environment)
    assert result.stdout == "torch FP32 cpu 1 Tensor torch.float32 cpu\n", result.stderr


def test_empty_environment_variables_are_the_defaults(tmp_path: Path) -> None:
    code = "from sdot import driver as d; print(d.framework, d.dtype, d.device)"
    names = ("FRAMEWORK", "DTYPE", "DEVICE", "THREADS")
    result = run_python(code, tmp_path, **{f"SDOT_{name}": "" for name in names})
    assert result.stdout == "numpy FP64 None\n", result.stderr


def test_the_number_of_threads_does_not_change_a_bit() -> None:
    values = []
    for threads in (1, 2, 3):
        driver.threads = threads
        plan = optimal_transport_plan(SumOfDiracs(random_sites(3000)), uniform())
        values.append((plan.distance, plan.barycenters, plan.potentials))
    for other in values[1:]:
        for one, two in zip(values[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


def test_numpy_names_of_dtypes() -> None:
    for name, kept in (("float32", "FP32"), ("float64", "FP64"), ("FP32", "FP32")):
        driver.dtype = name
        assert driver.dtype == kept
    with pytest.raises(ValueError, match="'FP32', 'FP64', not 'float16'"):
        driver.dtype = "float16"


@pytest.mark.parametrize(
    ("name", "missing"), [("torch", "cuda:40"), ("torch", "tpu"), ("jax", "cpu:40")]
)
def test_a_device_that_does_not_exist(name: FaceName, missing: str) -> None:
    Face(name)  # imports it
    driver.framework = name
    with pytest.raises(ValueError, match=rf"device that {name} has, not '{missing}'"):
        driver.device = missing
    assert driver.device is None
    driver.framework = "numpy"
    driver.device = missing  # for a framework that is chosen later
    with pytest.raises(ValueError, match=rf"device that {name} has, not '{missing}'"):
        driver.framework = name
    assert driver.framework == "numpy"


def test_settings_can_be_read_at_a_glance() -> None:
    assert repr(driver).startswith("Driver(framework='numpy', dtype='FP64', device=None, threads=")
