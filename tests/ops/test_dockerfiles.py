"""The check of the Dockerfiles finds what it is for, and nothing in ours."""

from pathlib import Path

import pytest

from backend.devtools.dockerfiles import problems

ROOT = Path(__file__).resolve().parents[2]
CLEAN = """
ARG BASE=debian:12.1.0-slim
FROM ${BASE} AS build
WORKDIR /app
ENV PIP_NO_CACHE_DIR=1
COPY one two ./
RUN pip install --require-hashes -r one \\
 # why
 && true
FROM ${BASE}
COPY --from=build /app /app
USER 10001:10001
CMD ["program"]
"""


@pytest.mark.parametrize("file", sorted((ROOT / "docker").rglob("Dockerfile*")), ids=lambda file: file.parent.name)
def test_ours_are_clean(file: Path) -> None:
    assert problems(file.read_text(encoding="utf-8")) == []


def test_a_clean_one_is_clean() -> None:
    assert problems(CLEAN) == []


@pytest.mark.parametrize(
    ("before", "after", "number"),
    [
        ("debian:12.1.0-slim", "debian:latest", "DL3006"),
        ("debian:12.1.0-slim", "debian", "DL3006"),
        ("FROM ${BASE}\n", "FROM ${BASE} AS build\n", "DL3024"),
        ("USER 10001:10001", "USER root", "DL3002"),
        ("USER 10001:10001\n", "", "DL3002"),
        ("COPY one two ./", "ADD one two ./", "DL3020"),
        ("COPY one two ./", "COPY one two here", "DL3021"),
        ("--from=build", "--from=elsewhere", "DL3022"),
        ("COPY --from=build /app /app", "COPY --from=build /app here", "DL3045"),
        ("WORKDIR /app", "WORKDIR app", "DL3000"),
        ('CMD ["program"]', "CMD program", "DL3025"),
        ('CMD ["program"]', "ENTRYPOINT program", "DL3025"),
        ("&& true", "&& cd /tmp", "DL3003"),
        ("&& true", "&& sudo true", "DL3004"),
        ("&& true", "&& apt-get install -y gcc && rm -rf /var/lib/apt/lists", "DL3015"),
        ("&& true", "&& apt-get install -y --no-install-recommends gcc", "DL3009"),
        ("ENV PIP_NO_CACHE_DIR=1\n", "", "DL3042"),
        ("--require-hashes ", "", "DL3013"),
        ("&& true", "&& cat one | tee two", "DL4006"),
        ("&& true", "&& if true", "SC1000"),
        ("WORKDIR /app", "WORKDIR /app\nENV API_TOKEN=x", "secret"),
        ("FROM ${BASE}\n", "FROM ${BASE}\nARG DATABASE_PASSWORD\n", "secret"),
        ("FROM ${BASE}\n", "FROM ${BASE}\nMAINTAINER somebody\n", "DL4000"),
    ],
)
def test_each_rule_finds_its_own_and_says_where(before: str, after: str, number: str) -> None:
    assert before in CLEAN
    text = CLEAN.replace(before, after, 1) if before != "FROM ${BASE}\n" else after.join(CLEAN.rsplit(before, 1))

    found = problems(text)

    assert {problem.split()[1] for problem in found} == {number}
    assert found[0].split(":")[0].isdigit()
