import json
from pathlib import Path

import pytest

import eval.store
from common.errors import UserError
from common.messages import EpisodeSpec
from eval.execute import void
from eval.report.html import page
from eval.store import Store, paired_outcomes
from eval.suite import suite_named
from eval.summary import as_json, summarise
from tests.eval import coins

BASE = EpisodeSpec(town="city", route=0, seed=0, driver="truth")
SPECS = suite_named("smoke").specs(300, 0, BASE)
PLAN: dict[str, object] = {"suite": "smoke", "episodes": 300, "driver": "truth"}


def fill(folder: Path, specs: tuple[EpisodeSpec, ...] = SPECS) -> Path:
    with Store(folder, PLAN) as store:
        for spec in specs:
            store.add(coins.toss(spec))
    return folder


def test_an_episode_added_twice_counts_once(tmp_path: Path) -> None:
    fill(tmp_path, SPECS[:5])
    fill(tmp_path, SPECS[:5])
    summary = summarise(tmp_path)
    assert summary.episodes == summary.unique_episodes == 5


def test_merging_parts_keeps_every_episode(tmp_path: Path) -> None:
    fill(tmp_path)
    assert len(list((tmp_path / "parts").glob("*.parquet"))) < eval.store.MERGE_ABOVE
    with Store(tmp_path, PLAN) as store:
        assert store.keys() == {spec.key() for spec in SPECS}


def test_a_kill_between_merging_and_clearing_leaves_doubles_that_count_once(tmp_path: Path) -> None:
    fill(tmp_path)
    with Store(tmp_path, PLAN) as store:
        store.add(coins.toss(SPECS[0]))  # already in the merged part
    summary = summarise(tmp_path)
    assert (summary.episodes, summary.unique_episodes) == (301, 300)


def test_what_the_rig_failed_is_driven_again_and_the_drive_counts(tmp_path: Path) -> None:
    with Store(tmp_path, PLAN) as store:
        for spec in SPECS[: eval.store.MERGE_ABOVE + 1]:  # enough to be merged
            store.add(void(spec, "no space left"))
        assert store.keys() == frozenset()
        store.add(coins.toss(SPECS[0]))
        assert store.keys() == {SPECS[0].key()}
    summary = summarise(tmp_path)
    assert summary.unique_episodes == eval.store.MERGE_ABOVE + 1
    assert summary.void == eval.store.MERGE_ABOVE


def test_a_part_that_was_half_written_is_cleared_away(tmp_path: Path) -> None:
    fill(tmp_path, SPECS[:2])
    torn = tmp_path / "parts" / ".abc.parquet.123"
    torn.write_bytes(b"PAR1 half")
    with Store(tmp_path, PLAN) as store:
        assert len(store.keys()) == 2
    assert not torn.exists()


def test_two_writers_of_one_folder_are_refused(tmp_path: Path) -> None:
    with Store(tmp_path, PLAN), pytest.raises(UserError, match="another run is writing"):
        Store(tmp_path, PLAN)


def test_a_folder_of_another_run_is_refused_and_says_what_differs(tmp_path: Path) -> None:
    fill(tmp_path, SPECS[:1])
    with pytest.raises(UserError, match="driver 'truth' there, 'camera' asked"):
        Store(tmp_path, PLAN | {"driver": "camera"})


def test_a_file_as_output_folder_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(UserError, match="expected a folder that can be written"):
        Store(file, PLAN)


def test_a_folder_without_episodes_has_no_report(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"run\.json"):
        summarise(tmp_path)


def test_the_figures_agree_with_the_episodes(tmp_path: Path) -> None:
    summary = summarise(fill(tmp_path))
    failures = sum(coins.toss(spec).outcome.value != "SUCCESS" for spec in SPECS)
    assert summary.failures == failures > 0
    assert summary.infractions == {"collision_vehicle": failures}
    assert summary.disengagements_per_km is not None
    assert summary.disengagements_per_km.value == pytest.approx(failures / 150.0)
    assert summary.nines is not None
    assert summary.nines.kind == "clopper-pearson"
    assert summary.nines.low < 1.0 < summary.nines.high
    assert summary.scores["lb2.1"] == pytest.approx(100.0 - 50.0 * failures / 300)


def test_a_run_looked_at_on_the_way_gets_the_peek_safe_interval(tmp_path: Path) -> None:
    summary = summarise(fill(tmp_path, SPECS[:50]))
    assert summary.nines is not None
    assert summary.nines.kind == "peek-safe"


def test_void_episodes_are_shown_and_never_averaged_in(tmp_path: Path) -> None:
    fill(tmp_path, SPECS[:20])
    before = summarise(tmp_path)
    with Store(tmp_path, PLAN) as store:
        store.add(void(SPECS[20], "the rig broke"))
    after = summarise(tmp_path)
    assert after.void == 1
    assert after.success_rate == before.success_rate
    assert after.comfort_si == before.comfort_si


def test_the_order_of_episodes_does_not_change_the_digest(tmp_path: Path) -> None:
    first = summarise(fill(tmp_path / "a", SPECS[:30])).table_sha256
    second = summarise(fill(tmp_path / "b", SPECS[:30][::-1])).table_sha256
    third = summarise(fill(tmp_path / "c", SPECS[:29])).table_sha256
    assert first == second != third


def test_the_json_has_no_infinity_and_all_the_design_asks_for(tmp_path: Path) -> None:
    clean = tuple(s for s in SPECS if coins.toss(s).outcome.value == "SUCCESS")[:20]
    figures = json.loads(as_json(summarise(fill(tmp_path, clean))), parse_constant=pytest.fail)
    asked = "episodes unique_episodes void success_rate scores infractions table_sha256"
    assert set(asked.split()) | {"disengagements_per_km", "nines", "comfort_si"} <= set(figures)
    assert figures["nines"]["value"] is None
    assert figures["nines"]["high"] is None


def test_the_report_names_each_failure_and_the_command_that_shows_it(tmp_path: Path) -> None:
    fill(tmp_path, SPECS[:100])
    text = page(summarise(tmp_path), tmp_path)
    failed = [s for s in SPECS[:100] if coins.toss(s).outcome.value != "SUCCESS"]
    for spec in failed:
        assert f"--route {spec.route} --seed {spec.seed} " in text
    assert "<script src" not in text
    assert "http" not in text.replace("http://www.w3.org", "").replace(
        "http://purl.org", ""
    ).replace("http://creativecommons.org", "").replace("https://matplotlib.org", "")


def test_runs_are_paired_by_what_they_drove(tmp_path: Path) -> None:
    first = fill(tmp_path / "a", SPECS[:30])
    second = fill(tmp_path / "b", SPECS[10:40])
    assert len(paired_outcomes(first, second)) == 20
    third = fill(tmp_path / "c", SPECS[200:210])
    with pytest.raises(UserError, match="share no episode"):
        paired_outcomes(first, third)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet at all" * 100])
def test_a_damaged_part_is_named_with_the_way_out(tmp_path: Path, content: bytes) -> None:
    fill(tmp_path, SPECS[:2])
    (tmp_path / "parts" / "0broken.parquet").write_bytes(content)
    with pytest.raises(UserError, match=r"0broken\.parquet.*remove it"):
        summarise(tmp_path)
    with Store(tmp_path, PLAN) as store, pytest.raises(UserError, match="remove it"):
        store.keys()


def test_a_damaged_run_file_is_named(tmp_path: Path) -> None:
    fill(tmp_path, SPECS[:1])
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(UserError, match=r"run\.json"):
        Store(tmp_path, PLAN)
