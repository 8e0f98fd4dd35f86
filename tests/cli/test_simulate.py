"""`feddmf simulate`: a run from people's own files, and every mistake that such files can hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from feddmf_party.policy import Policy
from feddmf_party.prediction import Predictor
from feddmf_party.run_folder import RunFolder
from support.cli import Cli, listing
from support.damage import edit
from support.shops import COUNTRIES, PARTIES, Shops


def test_a_simulation_leaves_folders_that_answer(cli: Cli, made_shops: Shops, tmp_path: Path) -> None:
    """Text names each party's folder; JSON says the same and what the run came to."""
    out = tmp_path / "my results"
    text = cli.text(*made_shops.simulate(out))
    data = cli.data(*made_shops.simulate(out), "--replace")
    assert text.splitlines() == [f"{party}: {folder}" for party, folder in data["folders"].items()]
    assert data["bytes_sent"] > 0
    assert data["diagnostics"]["probe_cosine"] is None
    for party in PARTIES:
        assert RunFolder(out / party / "runs" / "try-out").finished
        assert cli.data("attributes", "list", "--folder", out / party)["run"] == "try-out"


def test_a_country_is_predicted_for_the_other_shops_users(simulated: Path) -> None:
    """A column of one shop's user table, offered as items, tells the other shop's users apart by taste."""
    predictor = Predictor(RunFolder(simulated / "acme" / "runs" / "try-out"))
    asked = [predictor.attribute(f"country-{country}") for country in COUNTRIES]
    (block,) = predictor.predict(asked)
    truth = [int(user[-3:-1]) % 2 for user in block.users]
    found = block.probabilities.argmax(axis=1)
    assert (found == truth).mean() > 0.9


PROTOCOLS = {
    "fedavg": (["shared_layers"], "probability", {"loss"}),
    "fcf": (["item_gradient", "gram"], "preference", {"objective", "method"}),
    "transfer": (["context_vectors"], "linear score", {"loss", "parties"}),
}


def choose(shops: Shops, protocol: str, kinds: list[str], *, masks: bool = False) -> None:
    """Give the run another protocol, and let both shops' policies allow it."""
    lines = f'protocol = "{protocol}"\nmasks = {str(masks).lower()}\n\n[fedavg]\nsyncs_per_epoch = 5\n'
    lines += "max_rounds = 150\n\n[model]"
    edit(shops.run_file, "[model]", lines)
    allowed = json.dumps([*(kind.value for kind in Policy().release_kinds), *kinds])
    for party in PARTIES:
        policy = f'protocols = ["{protocol}"]\nrelease_kinds = {allowed}\nmin_support = 3\n'
        (shops.folder(party) / "policy.toml").write_text(policy)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_is_simulated_and_asked(cli: Cli, shops: Shops, tmp_path: Path, protocol: str) -> None:
    """Progress counts the protocol's own exchanges; the answer says what its scores are."""
    kinds, score, figures = PROTOCOLS[protocol]
    choose(shops, protocol, kinds)
    code, out, err = cli.call(*shops.simulate(tmp_path / "results"), "--format", "json")
    assert code == 0, err
    data = json.loads(out)["data"]
    assert set(data["diagnostics"]) == figures
    assert data["notices"] == []
    rounds = [line.split()[1] for line in err.splitlines() if line.startswith("round ")]
    last, total = rounds[-1].split("/")
    assert last == total
    acme = tmp_path / "results" / "acme"
    asked = [f"--attribute=country-{country}" for country in COUNTRIES]
    found = cli.data("query", "predict", *asked, "--folder", acme)
    assert found["score_kind"] == score
    name = "probability" if score == "probability" else "score"
    scores = np.array([row[name] for row in found["predictions"]]).reshape(-1, 2)
    truth = [int(row["user"][-3:-1]) % 2 for row in found["predictions"][::2]]
    assert (scores.argmax(axis=1) == truth).mean() > 0.8
    header = cli.text("query", "audience", *asked[:1], "--folder", acme).splitlines()[1]
    shown = "uncalibrated probability" if score == "probability" else score
    assert header.split(maxsplit=2) == ["rank", "user", shown]


@pytest.mark.parametrize("protocol", ["fedavg", "fcf"])
def test_what_masks_do_not_hide_is_said(cli: Cli, shops: Shops, tmp_path: Path, protocol: str) -> None:
    """Between two parties, nothing: on stderr before the run, and for programs."""
    choose(shops, protocol, ["public_key", "masked_sum", *PROTOCOLS[protocol][0]], masks=True)
    code, out, err = cli.call(*shops.simulate(tmp_path / "results"), "--format", "json")
    assert code == 0, err
    (notice,) = json.loads(out)["data"]["notices"]
    assert "masks hide nothing from your only partner" in notice
    assert err.startswith(f"note: {notice}\n")


@pytest.mark.parametrize("protocol", ["fcf", "transfer"])
def test_offered_items_without_support_are_said(
    cli: Cli, shops: Shops, tmp_path: Path, protocol: str
) -> None:
    """Of each party that offers some, after the run, on stderr and for programs."""
    choose(shops, protocol, PROTOCOLS[protocol][0])
    with shops.run_file.open("a") as file:
        file.write(f"\n[{protocol}]\nmin_support = 12\n")
    table = shops.folder("bolt") / "interactions.csv"
    rows = [row for row in table.read_text().splitlines(keepends=True) if ",bbolt-0" not in row]
    rows += [row for row in table.read_text().splitlines(keepends=True) if ",bbolt-00" in row][:11]
    table.write_text("".join(rows))
    code, out, err = cli.call(*shops.simulate(tmp_path / "results"), "--format", "json")
    assert code == 0, err
    notice = "bolt: 6 of its 8 offered items have fewer than 12 users there and score all users alike"
    assert json.loads(out)["data"]["notices"] == [notice]
    assert err.splitlines().count(f"note: {notice}") == 1
    assert err.index("round ") < err.index(f"note: {notice}")
    asked = [f"--attribute=bolt-{number:02}" for number in range(6)]
    found = cli.data("query", "predict", *asked, "--folder", tmp_path / "results" / "acme")["predictions"]
    assert len({row["score"] for row in found}) == 1


def test_a_default_policy_declines_another_protocol(cli: Cli, shops: Shops, tmp_path: Path) -> None:
    """With all that it asks for, and the lines of policy.toml that would allow it."""
    edit(shops.run_file, "[model]", 'protocol = "fcf"\n\n[model]')
    said = cli.fails(4, *shops.simulate(tmp_path / "results"))
    assert "acme declines the run: run try-out uses protocol fcf, " in said
    assert "asks for item_gradient (gradient) and gram (gram)" in said
    assert 'protocols = ["feddmf", "fcf"]; release_kinds = ["item_vectors", ' in said


MISTAKES: dict[str, tuple[Callable[[Shops], object], list[str]]] = {
    "missing column": (
        lambda shops: edit(shops.folder("acme") / "interactions.csv", "user,item", "user,product"),
        ["acme/interactions.csv: no column 'item'", "'user', 'product'"],
    ),
    "empty table": (
        lambda shops: (shops.folder("acme") / "interactions.csv").write_text("user,item\n"),
        ["acme/interactions.csv: no rows", "at least one row"],
    ),
    "empty file": (
        lambda shops: (shops.folder("acme") / "interactions.csv").write_bytes(b""),
        ["acme/interactions.csv: empty"],
    ),
    "no table": (
        lambda shops: (shops.folder("acme") / "interactions.csv").unlink(),
        ["acme/interactions.csv: no such file"],
    ),
    "a folder for a table": (
        lambda shops: edit(shops.folder("acme") / "party.toml", "interactions.csv", "."),
        ["acme: not a file"],
    ),
    "table of another encoding": (
        lambda shops: (shops.folder("acme") / "interactions.csv").write_bytes(b"user,item\nu\xff1,am00\n"),
        ["acme/interactions.csv", "UTF-8"],
    ),
    "unknown item": (
        lambda shops: edit(shops.folder("acme") / "interactions.csv", ",am00", ",nosuch"),
        ["acme/interactions.csv: row ", "item 'nosuch' is not in the catalogue", 'unknown_items = "skip"'],
    ),
    "unknown attribute value": (
        lambda shops: edit(shops.folder("bolt") / "users.csv", "France", "Francia"),
        ["bolt/users.csv: row 1: column 'country'", "'country=Francia' is not in the catalogue"],
    ),
    "no user table": (
        lambda shops: (shops.folder("bolt") / "users.csv").unlink(),
        ["bolt/users.csv: no such file"],
    ),
    "missing attribute column": (
        lambda shops: edit(shops.folder("bolt") / "party.toml", '"country"', '"cuontry"'),
        ["bolt/users.csv: no column 'cuontry'", "did you mean 'country'?"],
    ),
    "duplicate local id": (
        lambda shops: edit(shops.catalogue, "m01,M01,am01", "m01,M01,am00"),
        ["catalogue.csv line 3: local id 'am00' of acme is also on line 2"],
    ),
    "duplicate key": (
        lambda shops: edit(shops.catalogue, "m01,M01", "m00,M01"),
        ["catalogue.csv line 3: key 'm00' is there twice"],
    ),
    "no matched item": (
        lambda shops: shops.catalogue.write_text("key,label,local_id:acme,local_id:bolt\na,A,a,\nb,B,,b\n"),
        ["acme sells no item that another party of run try-out sells"],
    ),
    "a party without a column": (
        lambda shops: edit(shops.catalogue, "local_id:bolt", "local_id:carol"),
        ["catalogue version 1 has no column for bolt", "local_id:bolt"],
    ),
    "catalogue of another encoding": (
        lambda shops: shops.catalogue.write_bytes(b"key,label\xff"),
        ["catalogue.csv is not UTF-8 text"],
    ),
    "no catalogue": (lambda shops: shops.catalogue.unlink(), ["catalogue.csv: No such file or directory"]),
    "unknown key in the run file": (
        lambda shops: edit(shops.run_file, "epochs", "epoch"),
        ["run.toml: unknown key training.epoch", "did you mean 'epochs'?"],
    ),
    "unknown section in the run file": (
        lambda shops: edit(shops.run_file, "[model]", "[modell]"),
        ["run.toml: unknown key modell", "did you mean 'model'?"],
    ),
    "a run file that is no TOML": (
        lambda shops: edit(shops.run_file, "epochs = 30", "epochs = = 30"),
        ["run.toml: not valid TOML", "line 10"],
    ),
    "an infinite setting": (
        lambda shops: edit(shops.run_file, "probe_share = 0.0", "beta = inf"),
        ["run.toml: key alignment.beta = inf", "finite"],
    ),
    "no run file": (lambda shops: shops.run_file.unlink(), ["run.toml: No such file or directory"]),
    "a run file of another encoding": (
        lambda shops: shops.run_file.write_bytes(b"name = '\xff'"),
        ["run.toml: not UTF-8 text"],
    ),
    "one party alone": (
        lambda shops: edit(shops.run_file, '["acme", "bolt"]', '["acme"]'),
        ["run.toml: key parties", "at least 2"],
    ),
    "a party twice": (
        lambda shops: edit(shops.run_file, '["acme", "bolt"]', '["acme", "acme"]'),
        ["run.toml: ", "names the same party twice"],
    ),
    "a party without a folder": (
        lambda shops: edit(shops.run_file, '"bolt"]', '"bolt", "carol"]'),
        ["party carol has no folder", "--party carol=FOLDER"],
    ),
    "a folder without a party": (
        lambda shops: edit(shops.run_file, '["acme", "bolt"]', '["bolt", "carol"]'),
        ["party carol has no folder"],
    ),
    "a folder that is no party's": (
        lambda shops: (shops.folder("acme") / "party.toml").unlink(),
        ["acme is not a party's folder: it has no party.toml"],
    ),
    "unknown key in party.toml": (
        lambda shops: edit(shops.folder("acme") / "party.toml", "path", 'usr_column = "u"\npath'),
        ["acme/party.toml: unknown key data.usr_column", "did you mean 'user_column'?"],
    ),
    "an offer of what others sell": (
        lambda shops: (shops.folder("acme") / "offer.toml").write_text('items = ["m00"]'),
        ["acme/offer.toml: item 'm00' is also sold by bolt"],
    ),
    "an offer of nothing known": (
        lambda shops: (shops.folder("acme") / "offer.toml").write_text('items = ["acme-0"]'),
        ["acme/offer.toml: item 'acme-0' is not in acme's catalogue", "did you mean 'acme-0"],
    ),
    "a policy against it": (
        lambda shops: (shops.folder("bolt") / "policy.toml").write_text("max_rounds = 3"),
        ["bolt declines the run: run try-out has 43 exchanges, over 3", "policy.toml"],
    ),
    "a policy that has gone": (
        lambda shops: (shops.folder("acme") / "policy.toml").symlink_to("/nowhere/policy.toml"),
        ["acme/policy.toml: No such file or directory"],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_and_nothing_is_written(cli: Cli, shops: Shops, tmp_path: Path, name: str) -> None:
    """What, where and what to do; exit code 4; not even the folder for the results is made."""
    make, words = MISTAKES[name]
    make(shops)
    before = listing(tmp_path)
    said = cli.fails(4, *shops.simulate(tmp_path / "results"))
    assert all(word in said for word in words), said
    assert listing(tmp_path) == before


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "one", ""])
def test_a_value_that_is_no_number_is_named(cli: Cli, shops: Shops, tmp_path: Path, value: str) -> None:
    """A non-finite value in the middle of a table is refused with its row and column."""
    table = shops.folder("acme") / "interactions.csv"
    rows = table.read_text().splitlines()
    table.write_text("\n".join([rows[0] + ",n", *(f"{row},1" for row in rows[1:5]), f"{rows[5]},{value}"]))
    edit(shops.folder("acme") / "party.toml", "[data]", '[data]\nvalue_column = "n"')
    said = cli.fails(4, *shops.simulate(tmp_path / "results"))
    assert "acme/interactions.csv: row 5: column 'n'" in said
    assert not (tmp_path / "results").exists()


def test_a_run_that_fails_ends_with_its_own_code(cli: Cli, shops: Shops, tmp_path: Path) -> None:
    """A probe floor that nothing reaches: exit code 1, and nothing is kept."""
    edit(shops.run_file, "[model]", 'recipe = "embedding"\n[model]')
    edit(shops.run_file, "probe_share = 0.0", "probe_share = 0.3\n[enforcement]\nprobe_floor = 1.0")
    assert "under the floor of 1" in cli.fails(1, *shops.simulate(tmp_path / "results"))
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("party", "words"),
    [
        ("acme", "--party acme is not PARTY=FOLDER"),
        ("acme=x", "names a party twice"),
        ("carol=x", "party carol is not in the run"),
    ],
)
def test_parties_are_named_once_each_with_a_folder(
    cli: Cli, made_shops: Shops, tmp_path: Path, party: str, words: str
) -> None:
    """A --party that cannot be used is a usage error."""
    assert words in cli.fails(4, *made_shops.simulate(tmp_path / "results"), "--party", party)


def test_files_of_other_systems_are_read(cli: Cli, shops: Shops, tmp_path: Path) -> None:
    """Byte order marks and Windows line ends change nothing, in tables, catalogue and settings alike."""
    paths = [shops.catalogue, shops.run_file, *(shops.folder(p) / "interactions.csv" for p in PARTIES)]
    paths += [shops.folder(p) / name for p in PARTIES for name in ("party.toml", "offer.toml")]
    cli.text(*shops.simulate(tmp_path / "before"))
    for path in paths:
        unix = path.read_bytes().replace(b"\r\n", b"\n")
        path.write_bytes(b"\xef\xbb\xbf" + unix.replace(b"\n", b"\r\n"))
    cli.text(*shops.simulate(tmp_path / "after"))
    model = Path("acme", "runs", "try-out", "model.safetensors")
    assert (tmp_path / "after" / model).read_bytes() == (tmp_path / "before" / model).read_bytes()


def test_earlier_results_are_not_replaced_unasked(cli: Cli, shops: Shops, tmp_path: Path) -> None:
    """Nor are they there any more once a run that was to replace them is declined."""
    results = tmp_path / "results"
    cli.text(*shops.simulate(results))
    before = listing(results)
    said = cli.fails(4, *shops.simulate(results))
    assert f"{results}/acme/runs/try-out has the results of an earlier run of the same name" in said
    assert "--replace" in said
    assert listing(results) == before
    (shops.folder("bolt") / "policy.toml").write_text("max_rounds = 3")
    assert "bolt declines the run" in cli.fails(4, *shops.simulate(results), "--replace")
    assert "no run yet" in cli.fails(4, "attributes", "list", "--folder", results / "acme")


def test_runs_of_other_names_lie_beside(cli: Cli, shops: Shops, tmp_path: Path) -> None:
    """The name in the run file is the run's, in plain letters; answers are of the last one."""
    cli.text(*shops.simulate(tmp_path / "results"))
    edit(shops.run_file, "Try out", "  Größer, 2. ")
    cli.text(*shops.simulate(tmp_path / "results"))
    acme = tmp_path / "results" / "acme"
    assert sorted(path.name for path in (acme / "runs").iterdir()) == ["gr-er-2", "try-out"]
    assert cli.data("attributes", "list", "--folder", acme)["run"] == "gr-er-2"


def test_a_simulation_again_forgets_the_one_before(cli: Cli, shops: Shops, tmp_path: Path) -> None:
    """What was offered before and is no more cannot be asked for any more."""
    cli.text(*shops.simulate(tmp_path / "results"))
    (shops.folder("bolt") / "offer.toml").write_text("items = []")
    cli.text(*shops.simulate(tmp_path / "results"), "--replace")
    assert cli.data("attributes", "list", "--folder", tmp_path / "results" / "acme")["attributes"] == []


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_results_have_no_place_in_a_file(cli: Cli, made_shops: Shops, tmp_path: Path, out: str) -> None:
    """Where a file is, no folder can be; that is said before anything is trained."""
    (tmp_path / "file").write_text("mine")
    assert "file is not a folder" in cli.fails(4, *made_shops.simulate(tmp_path / out))
    assert (tmp_path / "file").read_text() == "mine"
