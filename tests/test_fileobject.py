"""Files that wait in the hub, in a native thread, or as ever."""

import os

import pytest

import verdigris
from verdigris import config, fileobject
from verdigris.fileobject import FileObjectBlock, FileObjectPosix, FileObjectThread


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            pass


@pytest.fixture(params=[FileObjectBlock, FileObjectPosix, FileObjectThread])
def kind(request):
    return request.param


@pytest.fixture(params=[FileObjectPosix, FileObjectThread])
def waiting_kind(request):
    return request.param


def test_a_regular_file(kind, tmp_path):
    path = tmp_path / "file"
    with kind(path, "w", encoding="utf-8") as file:
        assert file.name == path
        file.write("one\nzwölf\n")
    assert file.closed
    with kind(path, encoding="utf-8") as file:
        assert list(file) == ["one\n", "zwölf\n"]
    with kind(path, "rb+") as file:
        file.seek(4)
        assert file.readline() == "zwölf\n".encode()
        assert file.tell() == path.stat().st_size
        file.write(b"more")
    assert path.read_bytes().endswith(b"more")


def test_it_lets_others_run(waiting_kind, pipe):
    reader, writer = waiting_kind(pipe[0], "rb"), waiting_kind(pipe[1], "wb")
    reading = verdigris.spawn(reader.read)
    verdigris.sleep(0)
    assert not reading.ready()
    # More than the pipe holds.
    data = b"x" * 300_000
    writer.write(data)
    writer.close()
    assert reading.get(timeout=10) == data
    reader.close()


def test_unbuffered(waiting_kind, pipe):
    with waiting_kind(pipe[0], "rb", 0) as reader, waiting_kind(pipe[1], "wb", 0) as writer:
        assert writer.write(b"ab") == 2
        assert reader.read(1) == b"a"
        buffer = bytearray(4)
        assert reader.readinto(buffer) == 1 and buffer[:1] == b"b"


def test_closing_ends_a_wait(pipe):
    reader = FileObjectPosix(pipe[0], "rb", 0)
    reading = verdigris.spawn(reader.read, 1)
    verdigris.sleep(0)
    reader.close()
    with pytest.raises(OSError):
        reading.get(timeout=10)


def test_two_read_one_pipe(pipe):
    reader = FileObjectPosix(pipe[0], "rb", 0)
    readings = [verdigris.spawn(reader.read, 1) for _ in range(2)]
    verdigris.sleep(0)
    os.write(pipe[1], b"ab")
    assert sorted(reading.get(timeout=10) for reading in readings) == [b"a", b"b"]


def test_the_descriptor_is_kept_if_asked(kind, pipe):
    kind(pipe[1], "wb", close=False).close()
    os.fstat(pipe[1])
    kind(pipe[1], "wb").close()
    with pytest.raises(OSError):
        os.fstat(pipe[1])


def test_what_is_dropped_is_written_and_closed(pipe):
    writer = FileObjectPosix(pipe[1], "wb")
    writer.write(b"last")
    del writer
    with FileObjectPosix(pipe[0], "rb") as reader:
        assert reader.read() == b"last"


def test_an_object_with_a_descriptor(kind, tmp_path):
    path = tmp_path / "file"
    path.write_text("text")
    with open(path) as native:
        file = kind(native)
        assert file.read() == "text"
        assert file.name == str(path)
        file.close()
        assert native.closed


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"mode": "q"}, ValueError),
        ({"mode": 3}, TypeError),
        ({"mode": "rw"}, ValueError),
        ({"mode": "rU"}, ValueError),
        ({"mode": "r", "bufsize": 0}, ValueError),
        ({"mode": "rb", "encoding": "utf-8"}, ValueError),
        ({"close": True, "closefd": False}, TypeError),
        ({"bufsize": 1, "buffering": 2}, TypeError),
    ],
)
def test_arguments_that_do_not_go_together(kind, arguments, error):
    with pytest.raises(error):
        kind(os.devnull, **arguments)


def test_a_descriptor_that_is_not_open():
    with pytest.raises(OSError):
        FileObjectPosix(-1, "rb")


def test_which_one_is_a_setting(monkeypatch):
    assert fileobject.FileObject is FileObjectPosix
    monkeypatch.setattr(config, "fileobject", FileObjectThread)
    assert fileobject.FileObject is FileObjectThread


def test_an_unknown_name_of_the_module():
    with pytest.raises(AttributeError, match="nothing"):
        fileobject.nothing  # noqa: B018
