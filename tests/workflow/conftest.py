"""One finished run of two small studies, which the workflow tests copy."""

from __future__ import annotations

from pathlib import Path

import pytest
import small_studies
from projects import Outcome, Project


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Outcome]:
    """A finished run of two small studies; look, do not touch."""
    project = Project.create(
        tmp_path_factory.mktemp("finished") / "project",
        {
            "first": small_studies.good(small_studies.COX, small_studies.AGE),
            "second": small_studies.good(),
        },
        documents=True,
    )
    outcome = project.run()
    assert outcome.code == 0, outcome.output
    return project, outcome


@pytest.fixture
def project(finished: tuple[Project, Outcome], tmp_path: Path) -> Project:
    """A finished project of the test's own."""
    return finished[0].copy(tmp_path / "project")
