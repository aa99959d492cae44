"""Files that are written whole or not at all, wherever the path leads."""

import os
import stat

import pytest

from zoo.runtime.files.atomic import atomically, set_aside, write_text


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def fail_halfway(path, error):
    with atomically(path) as new:
        new.write_text("half")
        raise error


def test_a_failed_write_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "before")
    with pytest.raises(LookupError):
        fail_halfway(path, LookupError)
    assert path.read_text() == "before"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_write_leaves_nothing_behind(tmp_path, error):
    with pytest.raises(error):
        fail_halfway(tmp_path / "a.txt", error)
    assert names(tmp_path) == []


def test_a_new_file_keeps_its_suffix_and_has_a_name_of_its_own(tmp_path):
    with atomically(tmp_path / "a.png") as one, atomically(tmp_path / "a.png") as other:
        assert one != other
        assert one.suffix == other.suffix == ".png"
        assert one.parent == tmp_path
        assert str(os.getpid()) in one.name


def test_a_long_name_can_be_written(tmp_path):
    path = tmp_path / ("ü" * 120 + ".txt")
    write_text(path, "whole")
    assert path.read_text() == "whole"


def test_a_symbolic_link_stays_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    target = tmp_path / "disk" / "run"
    target.write_text("before")
    link = tmp_path / "run"
    link.symlink_to(target)
    write_text(link, "after")
    assert link.is_symlink()
    assert target.read_text() == "after"
    assert names(tmp_path / "disk") == ["run"]


def test_a_link_to_a_file_that_is_not_there_yet(tmp_path):
    (tmp_path / "run").symlink_to(tmp_path / "later")
    write_text(tmp_path / "run", "whole")
    assert (tmp_path / "run").is_symlink()
    assert (tmp_path / "later").read_text() == "whole"


def test_permissions_stay_and_new_files_have_the_usual_ones(tmp_path):
    known, fresh, usual = (tmp_path / name for name in ("known", "fresh", "usual"))
    known.write_text("before")
    known.chmod(0o640)
    write_text(known, "after")
    assert stat.S_IMODE(known.stat().st_mode) == 0o640
    write_text(fresh, "whole")
    usual.write_text("whole")
    assert fresh.stat().st_mode == usual.stat().st_mode


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="there is no /dev/null")
def test_a_device_is_written_into_and_stays_a_device():
    write_text("/dev/null", "gone")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_device_is_named():
    with pytest.raises(
        OSError, match=r"cannot write /dev/full \(No space left on device\); free some"
    ):
        write_text("/dev/full", "too much")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


def test_a_pipe_and_a_folder_are_named_and_stay(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match=r"cannot write .*pipe \(it is not a file but a"):
        write_text(tmp_path / "pipe", "whole")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    with pytest.raises(OSError, match=r"cannot write .* \(Is a directory\); give ano"):
        write_text(tmp_path, "whole")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OSError, match=r"cannot write .*none/a \(No such file or dir"):
        write_text(tmp_path / "none" / "a", "whole")


def test_a_damaged_file_is_set_aside(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text("{")
    with pytest.warns(
        UserWarning,
        match=r"settings.json is damaged \(it ends in the middle\); it is now called "
        r"settings.json.torn, and what it held is computed again",
    ):
        set_aside(path, "it ends in the middle")
    assert names(tmp_path) == ["settings.json.torn"]
