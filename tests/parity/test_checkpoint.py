"""Checkpoints that PyTorch wrote, as models that recognise as PyTorch does."""

import json
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from strokejax import cli
from strokejax.ink.packed import pack, write_packed
from strokejax.ink.raster import rasterize_binary
from strokejax.store.model import load_model
from strokejax.table.symbols import STROKES
from strokejax.tasks.symbols import torch_import
from strokejax.tasks.symbols.torch_import import import_checkpoint, main
from strokejax.types import Ink, InputError

from .reference import close, stroke_net, torch

PROBABILITY = 1e-4
SMALL_LIMIT = 100_000
HEADS = {
    27: (*STROKES[:26], "space"),
    53: (*STROKES[:52], "space"),
    62: STROKES[:62],
    63: STROKES,
}


def checkpoint(folder, net, **changes):
    """A Lightning checkpoint of a network, with `changes` to its state dict."""
    state = net.state_dict() | {
        name.replace("__", "."): x for name, x in changes.items()
    }
    content = {
        "epoch": 3,
        "global_step": 40,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": OrderedDict((k, x) for k, x in state.items() if x is not None),
        "optimizer_states": [torch.optim.Adam(net.parameters()).state_dict()],
        "lr_schedulers": [],
        "hyper_parameters": {"num_classes": 63, "lr": 1e-4},
    }
    torch.save(content, folder / "strokes.ckpt")
    return folder / "strokes.ckpt"


def drawings(count):
    """Wavering lines of two strokes."""
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(count, 2, 30, 2)).cumsum(2)
    times = np.broadcast_to(np.arange(30.0)[:, None], (count, 2, 30, 1))
    ink = np.concatenate([steps, times], -1).astype(np.float32)
    return [Ink(tuple(strokes)) for strokes in ink]


def pictures(inks):
    """By the published rule, as PyTorch's network takes them."""
    images = np.array(rasterize_binary([ink.strokes for ink in inks]))
    assert set(np.unique(images)) == {0.0, 1.0}
    return torch.from_numpy(images)[:, None]


def test_both_commands_answer_as_pytorch_does(tmp_path, capsys):
    net = stroke_net(0, 53).eval()
    inks, out, file = drawings(3), str(tmp_path / "model"), str(tmp_path / "ink.npz")
    assert main([str(checkpoint(tmp_path, net)), "--out", out]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    with torch.no_grad():
        wanted = net(pictures(inks)).softmax(-1).numpy()
    best = np.array(HEADS[53])[wanted.argmax(-1)]

    write_packed(file, pack(inks), label=best)
    arguments = ["--model", out, "--json"]
    assert cli.main(["recognize", file, "-k", "53", *arguments]) == 0
    results = json.loads(capsys.readouterr().out)["results"]
    for result, row in zip(results, wanted, strict=True):
        assert result["dist2"] is None
        assert set(result["symbols"]) == set(HEADS[53])
        order = [HEADS[53].index(name) for name in result["symbols"]]
        close(np.array(result["probability"]), row[order], PROBABILITY)

    assert cli.main(["evaluate", file, *arguments]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert (scores["n"], scores["top1"]) == (3, 1.0)


def test_evaluate_refuses_labels_that_the_head_lacks(tmp_path, capsys):
    out = import_checkpoint(checkpoint(tmp_path, stroke_net(0, 27)), tmp_path / "model")
    file = str(tmp_path / "ink.npz")
    write_packed(file, pack(drawings(2)), label=np.array(["a", "7"]))
    assert cli.main(["evaluate", file, "--model", str(out)]) == 2
    assert "'7'" in capsys.readouterr().err


@pytest.mark.parametrize("classes", HEADS)
def test_classes_are_in_the_published_order(tmp_path, classes):
    path = checkpoint(tmp_path, stroke_net(0, classes))
    stored = load_model(import_checkpoint(path, tmp_path / "model"))
    assert stored.symbols.names == HEADS[classes]
    assert stored.mode == "argmax"


def test_a_collected_folder_is_judged_by_its_own_symbols(tmp_path, capsys):
    net = stroke_net(0, 27).eval()
    out = str(import_checkpoint(checkpoint(tmp_path, net), tmp_path / "model"))
    for symbol in ("a", "space"):
        folder = tmp_path / "drawn" / symbol
        folder.mkdir(parents=True)
        rows = "".join(f"{10 * i},{i % 5 - 2},{i % 3}\n" for i in range(20))
        (folder / "trial_1.csv").write_text("timestamp,velocity_x,velocity_y\n" + rows)
    assert (
        cli.main(["evaluate", str(tmp_path / "drawn"), "--model", out, "--json"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["n"] == 2


def test_a_bare_state_dict_and_half_precision_are_taken(tmp_path):
    net = stroke_net(0, 62)
    torch.save(net.half().state_dict(), tmp_path / "net.pt")
    stored = load_model(import_checkpoint(tmp_path / "net.pt", tmp_path / "model"))
    assert stored.about["source"] == "net.pt"
    assert stored.encoder["out"]["kernel"].dtype == np.float32
    close(stored.encoder["out"]["bias"], net.classifier[3].bias.float(), 0.0)


class Bomb:
    """Runs code where it is unpickled."""

    def __reduce__(self):
        return exec, ("raise SystemExit('the code in the file ran')",)


def damaged(folder, kind):
    """A file that cannot become a model."""
    net, path = stroke_net(0, 63), folder / "bad.ckpt"
    good = checkpoint(folder, net)
    if kind == "code":
        torch.save({"state_dict": net.state_dict(), "hyper_parameters": Bomb()}, path)
    elif kind == "truncated":
        path.write_bytes(good.read_bytes()[:-1000])
    elif kind == "head of a file":
        path.write_bytes(good.read_bytes()[:3000])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("no checkpoint\n" * 40)
    elif kind == "list":
        torch.save([1, 2, 3], path)
    elif kind == "no tensors":
        torch.save({"state_dict": {"block1.0.weight": "w"}}, path)
    elif kind == "zip bomb":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("archive/data/0", bytes(SMALL_LIMIT + 1))
    elif kind == "stride bomb":
        giant = torch.zeros(1).expand(1 << 40)
        torch.save(
            {"state_dict": net.state_dict() | {"classifier.3.bias": giant}}, path
        )
    elif kind == "sparse":
        sparse = net.state_dict() | {"classifier.3.bias": torch.zeros(63).to_sparse()}
        torch.save({"state_dict": sparse}, path)
    else:
        return folder / "absent.ckpt"
    return path


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("code", "needs exec"),
        ("truncated", "not a valid PyTorch checkpoint"),
        ("head of a file", "not a valid PyTorch checkpoint"),
        ("empty", "not a valid PyTorch checkpoint"),
        ("text", "not a valid PyTorch checkpoint"),
        ("list", "no state dict"),
        ("no tensors", "not a plain tensor"),
        ("zip bomb", "bytes"),
        ("stride bomb", "not a plain tensor"),
        ("sparse", "not a plain tensor"),
        ("absent", "is not a file"),
    ],
)
def test_what_is_no_checkpoint_is_refused_in_a_sentence(
    tmp_path, capsys, monkeypatch, kind, word
):
    if kind == "zip bomb":
        monkeypatch.setattr(torch_import, "MAX_BYTES", SMALL_LIMIT)
    path, out = damaged(tmp_path, kind), tmp_path / "model"
    assert main([str(path), "--out", str(out)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("strokejax: ")
    assert line.endswith(".")
    assert str(path) in line
    assert word in line
    assert not out.exists()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"block2__0__weight": None}, "'block2.0.weight' is missing"),
        ({"block4__0__weight": torch.zeros(1)}, "'block4.0.weight' is not part"),
        ({"block1__0__weight": torch.zeros(16, 3, 3, 3)}, "[16, 1, 3, 3]"),
        ({"classifier__3__bias": torch.zeros(62)}, "'classifier.3.weight'"),
        ({"classifier__3__bias": torch.full((63,), torch.nan)}, "not finite"),
    ],
)
def test_other_networks_are_refused_in_a_sentence(tmp_path, changes, word):
    path = checkpoint(tmp_path, stroke_net(0, 63), **changes)
    with pytest.raises(InputError) as refused:
        import_checkpoint(path, tmp_path / "model")
    assert word in str(refused.value)
    assert not (tmp_path / "model").exists()


def test_a_model_is_never_overwritten(tmp_path):
    path, out = checkpoint(tmp_path, stroke_net(0, 63)), tmp_path / "model"
    import_checkpoint(path, out)
    with pytest.raises(InputError, match="already"):
        import_checkpoint(path, out)
    with pytest.raises(InputError, match="cannot be written"):
        import_checkpoint(path, path / "model")
