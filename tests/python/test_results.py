"""Reference runs: what is red, and that it says which file, which row and which command."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("mqttlab._sim")

from mqttlab import exits
from mqttlab.errors import Error, UsageError
from mqttlab.results import command, compare, workshop

ROOT = Path(__file__).resolve().parents[2]
COMMAND = "python tool.py results/tables"
MANIFEST = f"""
[[run]]
shows = "a table"
command = "{COMMAND}"
files = ["run.json", "table.csv", "plot.svg"]
takes_s = 1
beside = ["findings.md", "page.png"]

[[run]]
folder = "measured"
shows = "what a machine did"
command = "nowhere"
files = ["table.md"]
recorded = "real sockets"
"""
TOOL = """
import json, pathlib, sys, time
out = pathlib.Path(sys.argv[1])
rows = [{"name": "a", "lost": LOST}, {"name": "b", "lost": 0}]
(out / "run.json").write_text(json.dumps({"wall_s": time.time(), "verdicts": rows}))
(out / "table.csv").write_text("link,loss,bytes\\ngprs,0,57\\numts,0,61\\n")
(out / "plot.svg").write_text("<svg>\\n<path d='M0 0'/>\\n</svg>\\n")
"""


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with two runs in one folder, recorded."""
    folder = tmp_path / "results/tables"
    (folder / "measured").mkdir(parents=True)
    (folder / "reference.toml").write_text(MANIFEST)
    (folder / "findings.md").write_text("by hand")
    (folder / "page.png").write_text("a picture of it")
    (folder / "measured/table.md").write_text("| QoS |\n| --- |\n| 1 |\n")
    (tmp_path / "tool.py").write_text(TOOL.replace("LOST", "0"))
    monkeypatch.chdir(tmp_path)
    assert said("--update") == (exits.OK, "tables: results/tables/run.json, "
                                "results/tables/table.csv, results/tables/plot.svg")  # fmt: skip
    assert said("--record", "tables/measured")[0] == exits.OK
    return folder


def said(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(command.main, words, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.return_value, done.output.strip()


def test_runs_that_come_out_again_are_equal_but_for_wall_time(clone: Path) -> None:
    before = (clone / "run.json").read_bytes()
    code, text = said("--check")
    assert code == exits.OK, text
    assert "1 runs made again, 1 held against what was recorded, 4 files: none differs" in text
    assert said("--update")[1] == "tables: nothing has changed"
    assert (clone / "run.json").read_bytes() == before
    made = json.loads((clone / "made.json").read_text())["tables"]
    assert {"mqttlab", "python", "numpy", "ns3", "openssl"} == made["versions"].keys()


@pytest.mark.parametrize(
    ("file", "was", "is_now", "row"),
    [
        ("run.json", '"b", "lost": 0', '"b", "lost": 7', "verdicts[b].lost: 7 is there, 0 comes"),
        ("run.json", '"lost": 0}', '"lost": 0]', "line 1: "),
        ("table.csv", "61", "62", "row 2 (umts, 0, 62), bytes: 62 is there, 61 comes out"),
        ("table.csv", "gprs,0,57\n", "", "line 2: nothing is there, gprs,0,57 comes out"),
        ("plot.svg", "M0 0", "M0 1", "line 2: <path d='M0 1'/> is there, <path d='M0 0'/> comes"),
    ],
)
def test_a_byte_that_has_changed_is_named(
    clone: Path, file: str, was: str, is_now: str, row: str
) -> None:
    text = (clone / file).read_text()
    assert was in text
    (clone / file).write_text(text.replace(was, is_now, 1))
    code, told = said("--check")
    assert code == exits.FINDINGS
    assert f"results/tables/{file}: changed since it was recorded" in told
    assert row in told
    assert f"made by: {COMMAND}\n" in told
    assert "if it is meant: mqttlab results --update tables" in told
    assert "runs that differ: 1" in told


def test_bytes_that_no_comparison_reads_are_held_against_their_digest(clone: Path) -> None:
    text = (clone / "run.json").read_text()
    (clone / "run.json").write_text(text.replace('"wall_s": 1', '"wall_s": 2'))
    code, told = said("--check", "tables")
    assert code == exits.FINDINGS
    assert "run.json: changed since it was recorded, in what is not compared" in told


def test_what_is_only_recorded_is_held_against_its_digest(clone: Path) -> None:
    (clone / "measured/table.md").write_text("| QoS |\n| --- |\n| 2 |\n")
    code, told = said("--check", "tables/measured")
    assert code == exits.FINDINGS
    assert "results/tables/measured/table.md: changed since it was recorded" in told
    assert "made by: nowhere" in told
    assert "if it is meant: mqttlab results --record tables/measured" in told
    assert said("--record", "tables/measured")[1] == "tables/measured: recorded"
    assert said("--check")[0] == exits.OK


def test_what_git_has_tells_which_row_of_a_record_has_changed(clone: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "."]):
        subprocess.run([*git, *words], check=True)
    (clone / "measured/table.md").write_text("| QoS |\n| --- |\n| 2 |\n")
    row = "line 3: | 2 | is there, | 1 | was recorded"
    assert row in said("--check", "tables/measured")[1]
    subprocess.run([*git, "commit", "-qam", "another"], check=True)
    assert row in said("--check", "tables/measured")[1], "in CI, too, where it is committed"
    (clone / "made.json").unlink()
    assert "table.md: was not recorded" in said("--check", "tables/measured")[1]


def test_a_program_that_has_changed_is_found_and_taken(clone: Path) -> None:
    Path("tool.py").write_text(TOOL.replace("LOST", "3"))
    code, told = said("--check")
    assert code == exits.FINDINGS
    assert "results/tables/run.json: comes out otherwise" in told
    assert "verdicts[a].lost: 0 is there, 3 comes out" in told
    assert said("--update")[1] == "tables: results/tables/run.json"
    assert said("--record", "tables")[1].splitlines()[0] == "tables: recorded"  # the picture, too
    assert said("--check")[0] == exits.OK


def test_a_picture_of_what_has_changed_since_is_red(clone: Path) -> None:
    picture, path = clone / "page.png", "results/tables/page.png: "
    Path("tool.py").write_text(TOOL.replace("LOST", "3"))
    assert said("--update", "tables/")[0] == exits.OK
    for _ in range(2):  # whatever --update does
        code, told = said("--check", "tables/")
        assert code == exits.FINDINGS
        assert f"{path}shows what has changed since: take it again, then --record" in told
        assert said("--update", "tables/")[1] == "tables: nothing has changed"
        assert "if it is meant: mqttlab results --record tables" in told
    assert said("--record", "tables")[0] == exits.OK
    assert said("--check")[0] == exits.OK
    picture.write_text("another")
    for words in (("--check", "--within", "0.5s"), ("--update",), ("--check",)):
        told = said(*words)[1]
        assert (f"{path}changed since it was recorded" in told) == (words[0] == "--check"), words
    table = clone / "table.csv"
    table.write_text(table.read_text().replace("61", "62"))
    assert "if it is meant: mqttlab results --update tables" in said("--check")[1]
    assert said("--update", "tables")[0] == exits.OK
    picture.unlink()
    assert f"{path}is missing" in said("--check")[1]
    picture.write_text("a picture of it")
    made = json.loads((clone / "made.json").read_text())
    made["tables"]["pictures"]["old.png"] = made["tables"]["pictures"].pop("page.png")
    (clone / "made.json").write_text(json.dumps(made))
    told = said("--check")[1]
    assert f"{path}was not recorded" in told
    assert "tables/made.json: tables: reference.toml has no file old.png" in told


def test_a_run_that_cannot_be_made_again_stops_no_other(clone: Path) -> None:
    Path("tool.py").write_text("raise SystemExit('tool: no such table')")
    text = MANIFEST.partition("[[run]]\nfolder")[0]
    second = text.replace("[[run]]", '[[run]]\nfolder = "z"').replace(COMMAND, "true")
    (clone / "reference.toml").write_text(text + second)
    with pytest.raises(Error, match=r"^results: tables: .*no such table; tables/z: true: has not"):
        said("--update")


def test_what_fails_is_said_with_its_last_words(clone: Path) -> None:
    Path("tool.py").write_text("raise SystemExit('tool: no such table')")
    code, told = said("--check")
    assert code == exits.FINDINGS
    assert "results/tables: left with 1: tool: no such table" in told
    Path("tool.py").write_text(TOOL.replace("LOST", "3") + "print('3 lost')\nsys.exit(1)\n")
    told = said("--check")[1]
    assert "results/tables: left with 1: 3 lost" in told
    assert "verdicts[a].lost: 0 is there, 3 comes out" in told
    Path("tool.py").write_text("")
    assert "run.json: is not made by the command any more" in said("--check")[1]
    (clone / "run.json").unlink()
    assert "run.json: is missing" in said("--check", "--within", "0.5s")[1]


def test_a_command_that_hangs_is_ended(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workshop, "_TIMES", 0.5)
    monkeypatch.setattr(workshop, "_AND_S", 0.0)
    Path("tool.py").write_text("import threading; threading.Event().wait(20)")
    code, told = said("--check")
    assert code == exits.FINDINGS
    assert "results/tables: was ended after 0.5 s; reference.toml says that it takes 1 s" in told


def test_other_libraries_are_told_with_what_comes_out_otherwise(clone: Path) -> None:
    made = json.loads((clone / "made.json").read_text())
    here = made["tables"]["versions"]["ns3"]
    made["tables"]["versions"]["ns3"] = "3.1"
    (clone / "made.json").write_text(json.dumps(made))
    assert "recorded with" not in said("--check")[1]
    Path("tool.py").write_text(TOOL.replace("LOST", "3"))
    assert f"  recorded with ns3 3.1; here ns3 {here}\n" in said("--check")[1]


def test_a_record_is_measured_anew_only_if_it_is_named_itself(clone: Path) -> None:
    assert said("--update", "tables/")[1] == "tables: nothing has changed"
    with pytest.raises(Error, match="nowhere: cannot be started: No such file"):
        said("--update", "tables/measured")


def test_digests_are_held_even_if_files_come_out_as_they_are(clone: Path) -> None:
    made = json.loads((clone / "made.json").read_text())
    digests = made["tables"]["sha256"]
    digests["table.csv"] = "0" * 64
    digests["old.csv"] = digests.pop("plot.svg")
    made["gone"] = {}
    (clone / "made.json").write_text(json.dumps(made))
    code, told = said("--check")
    assert code == exits.FINDINGS
    for line in (
        "results/tables/table.csv: changed since it was recorded, though it comes out so",
        "results/tables/plot.svg: was not recorded, though it comes out so",
        "results/tables/made.json: tables: reference.toml has no file old.csv",
        "results/tables/made.json: gone: reference.toml beside it has no such run",
    ):
        assert line in told


def test_a_file_that_nobody_made_is_named(clone: Path) -> None:
    (clone / "old.csv").write_text("")
    code, told = said("--check")
    assert code == exits.FINDINGS
    assert "results/tables/old.csv: no reference.toml says how it was made" in told


def test_a_command_finds_nothing_of_an_earlier_run(clone: Path) -> None:
    """A journal of cells that were measured would make the check one of the journal."""
    journal = "journal = out / 'cells.ndjson'\nlost = 0 if journal.exists() else 3\n"
    tool = TOOL.replace("rows =", journal + "rows =").replace("LOST", "lost")
    tool += "pathlib.Path('out').mkdir(exist_ok=True); pathlib.Path('out/more').touch()\n"
    Path("out").mkdir()
    Path("tool.py").write_text(tool)
    (clone / "cells.ndjson").write_text("{}")
    code, told = said("--check", "tables")
    assert code == exits.FINDINGS
    assert "verdicts[a].lost: 0 is there, 3 comes out" in told
    assert "results/tables/cells.ndjson: no reference.toml says how it was made" in told
    assert (clone / "cells.ndjson").exists()
    assert not Path("out/more").exists()


def test_what_takes_longer_is_made_again_only_if_it_is_named(clone: Path) -> None:
    Path("tool.py").write_text("raise SystemExit(1)")
    assert said("--check", "--within", "0.5s")[0] == exits.OK
    assert said("--check", "--within", "0.5s", "tables")[0] == exits.FINDINGS
    (clone / "reference.toml").write_text(
        MANIFEST.replace("[[run]]", '[[run]]\nfolder = "long"', 1)
    )
    assert "\n0 runs made again" in said("--check", "--within", "0.5s", "tables")[1]
    assert "long: left with 1" in said("--check", "--within", "0.5s", "tables/long")[1]


@pytest.mark.parametrize(
    ("was", "is_now", "error"),
    [
        ("takes_s = 1", 'takes_s = "1"', "run 1: takes_s = '1'; write a number of seconds"),
        ("takes_s = 1", "", "run 1: write takes_s = SECONDS, or recorded = WHY"),
        ("takes_s = 1", "take_s = 1", "run 1: take_s: no such key; there are shows, command"),
        ('shows = "a table"', "", "run 1: shows is missing"),
        ('folder = "measured"', "", "two runs in folder 'tables'; give each its own"),
        ('command = "nowhere"', 'command = "\'"', "run 2: command: No closing quotation"),
        ("[[run]]", "[run]", "no TOML: "),
    ],
)
def test_a_manifest_with_a_mistake_is_one_line(
    clone: Path, was: str, is_now: str, error: str
) -> None:
    (clone / "reference.toml").write_text(MANIFEST.replace(was, is_now, 1))
    with pytest.raises(UsageError) as caught:
        said()
    assert f"results/tables/reference.toml: {error}" in str(caught.value)


def test_what_is_not_there_is_one_line(clone: Path) -> None:
    with pytest.raises(UsageError, match="no run 'table'; there are tables, tables/measured"):
        said("--check", "table")
    with pytest.raises(UsageError, match=r"no reference.toml below 'nowhere'; stand at the top"):
        said("--folder", "nowhere")
    with pytest.raises(UsageError, match="--record: name the runs"):
        said("--record")


def test_elements_are_compared_by_their_names() -> None:
    """So that one more shifts no other."""
    old = {"cases": [{"name": "a", "n": 1}, {"name": "b", "n": 2}], "of": [1, 2]}
    new = {"cases": [{"name": "0", "n": 0}, *old["cases"]], "of": [1, 3]}
    found = list(compare.json_differences(old, new))
    assert [(one.place, one.first) for one in found] == [("cases[0]", "nothing"), ("of[1]", "2")]


def test_the_order_of_named_elements_is_compared() -> None:
    old = {"of": {"cases": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}}
    new = {"of": {"cases": [{"name": "d"}, {"name": "a"}, {"name": "c"}, {"name": "b"}]}}
    found = {one.place: (one.first, one.second) for one in compare.json_differences(old, new)}
    assert found.pop("of.cases[d]") == ("nothing", '{"name": "d"}')
    assert found == {"of.cases[order]": ('"b; c"', '"c; b"')}


@pytest.mark.parametrize(
    ("name", "first", "second", "row"),
    [
        ("a.json", '{"a": 0.0, "wall_s": 1}', '{"a": -0.0, "wall_s": 2}', "line 1"),
        ("a.json", '{"a": 1, "a": 2}', '{"a": 2}', "line 1"),
        ("a.json", '{"a": 1, "b": 2}', '{"b": 2, "a": 1}', "line 1"),
        ("a.json", '{"of": [{"wall_s": 1}]}', '{"of": [{"wall_s": 2}]}', "of[0].wall_s"),
        ("a.json", '{"versions": {"5": 1}}', '{"versions": {"5": 2}}', "versions.5"),
        ("a.csv", "a,b\n1,2\n", 'a,b\n1,"2"\n', "line 2"),
        ("a.md", "a\nb\n", "a\r\nb\r\n", "byte 1"),
        ("a.md", "a\nb\n", "a\nb", "byte 3"),
        ("a.json", '{"a": 1, "wall_s": 1}', '{"a": 1, "wall_s": 2.5}', ""),
        ("a.json", '{"versions": {"ns3": "3.37"}}', '{"versions": {"ns3": "3.38"}}', ""),
    ],
)
def test_bytes_that_differ_are_a_difference_unless_they_are_apart(
    name: str, first: str, second: str, row: str
) -> None:
    found = compare.differences(first.encode(), second.encode(), name)
    assert [one.place for one in found] == ([row] if row else [])


def test_one_figure_of_the_field_trial_turns_red(tmp_path: Path) -> None:
    """The golden file itself, made again by the command that it names."""
    shutil.copytree(ROOT / "results/field_trial", tmp_path / "results/field_trial")
    path = tmp_path / "results/field_trial/run.json"
    text = path.read_text()
    delivered = json.loads(text)["qos"]["1"]["delivered"]
    path.write_text(text.replace(f'"delivered": {delivered},', f'"delivered": {delivered + 1},', 1))
    code, told = said("--check", "--folder", str(tmp_path / "results"))
    assert code == exits.FINDINGS
    rows = [line.strip() for line in told.splitlines() if line.endswith(" comes out")]
    assert rows == [f"qos.1.delivered: {delivered + 1} is there, {delivered} comes out"]
    assert "made by: mqttlab run field_trial --seed 7 --out results/field_trial" in told
