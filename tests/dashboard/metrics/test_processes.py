"""Where processes count. tests/services/test_metrics.py has two that count together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.metrics.processes import FILES, count_in, prepare_folder
from tests.conftest import ROOT
from tests.dashboard.metrics.scrape import parsed, scraped

ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from dashboard.metrics import counts, processes
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
processes.count_in(Path(sys.argv[1]))
counts.count_refusal("busy")
print(processes.exposition().decode())
"""


def test_each_site_over_the_same_data_has_a_folder_of_its_own(tmp_path: Path) -> None:
    """The start of one does not empty that of another."""
    first = prepare_folder(tmp_path)
    assert first is not None
    (first / "counter_0.db").touch()
    second = prepare_folder(tmp_path)
    assert second not in (first, None)
    assert (first / "counter_0.db").exists()


@pytest.mark.django_db
def test_process_without_a_folder_counts_for_itself(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert prepare_folder(tmp_path / "file") is None
    count_in(tmp_path / "removed")
    assert scraped()


def test_process_without_room_for_its_files_counts_for_itself(tmp_path: Path) -> None:
    """It leaves nothing on the disk that is too large for it."""
    command = [sys.executable, "-c", ON_A_FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert parsed(done.stdout[done.stdout.index("# HELP") :])["refusals_total", "busy"] == 1
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < min(FILES.values())
