"""Paths are tried before the work: each that cannot be written gets a sentence."""

import os

import pytest

from zoo.runtime.files.output_path import check_output_folder, check_output_path

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
NOT_AS_ROOT = pytest.mark.skipif(IS_ROOT, reason="root may write everywhere")


@pytest.mark.parametrize("path", ["", ".", "a\0b"])
def test_what_is_no_path_of_a_file(path):
    with pytest.raises(ValueError, match="the checkpoint must be the path of a file"):
        check_output_path(path, "checkpoint")


@pytest.mark.parametrize("path", [3, None, b"a", True])
def test_what_is_no_path(path):
    with pytest.raises(TypeError, match="must be the path of a file, not "):
        check_output_path(path, "checkpoint")


def test_a_folder_in_the_way(tmp_path):
    with pytest.raises(
        ValueError, match=r"the checkpoint .* is a folder; give .*run.safetensors"
    ):
        check_output_path(tmp_path, "checkpoint")


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*none for the f"):
        check_output_path(tmp_path / "none" / "a", "figure")


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match=r"because .*file is a file and not a folder"):
        check_output_path(tmp_path / "file" / "a", "figure")


def test_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match=r"pipe is a pipe, a socket or a disk"):
        check_output_path(tmp_path / "pipe", "figure")


def test_a_name_that_is_too_long(tmp_path):
    with pytest.raises(
        ValueError, match=r"cannot write the figure .*a \(File name too long\); give"
    ):
        check_output_path(tmp_path / ("a" * 300), "figure")


def test_a_link_to_itself(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(ValueError, match=r"cannot write the figure .*loop \(Too many"):
        check_output_path(tmp_path / "loop", "figure")


@NOT_AS_ROOT
def test_no_permission(tmp_path):
    (tmp_path / "a").write_text("x")
    (tmp_path / "a").chmod(0o400)
    with pytest.raises(ValueError, match=r"a may not be written \(no permission\)"):
        check_output_path(tmp_path / "a", "figure")
    tmp_path.chmod(0o500)
    with pytest.raises(ValueError, match=r"cannot write the figure .*\(Permission den"):
        check_output_path(tmp_path / "b", "figure")


def test_a_good_path_is_left_alone(tmp_path):
    assert check_output_path(str(tmp_path / "a"), "figure") == tmp_path / "a"
    (tmp_path / "a").write_text("x")
    assert check_output_path(tmp_path / "a", "figure").read_text() == "x"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_is_made(tmp_path):
    assert check_output_folder(tmp_path / "a" / "b", "--out").is_dir()
    assert list((tmp_path / "a" / "b").iterdir()) == []


@pytest.mark.parametrize("path", ["file", "file/below"])
def test_an_output_folder_that_is_a_file(tmp_path, path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(
        ValueError, match=r"--out must be a folder, but .*file.* is a file or lies in"
    ):
        check_output_folder(tmp_path / path, "--out")
