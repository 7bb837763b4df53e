"""What a soak run found, by family."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from statistics import median

from soak_families import draw

OUTCOMES = ("converged", "raised", "wrong", "crashed", "hung")
DEFECTS = OUTCOMES[2:]


@dataclass(frozen=True)
class Outcome:
    """How one problem went."""

    kind: str
    message: str = ""
    iterations: int = 0
    diagrams: int = 0
    seconds: float = 0.0
    verified: bool = False  # the masses, by polygons


def print_summary(outcomes: dict[int, Outcome]) -> None:
    """One table per kind of family; every problem is in one row of each."""
    rows: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for seed, outcome in sorted(outcomes.items()):
        rows["all", ""].append(outcome)
        for kind, name in draw(seed).families.items():
            rows[kind, name].append(outcome)
    titles = (*OUTCOMES, "verified", "Newton steps", "diagrams", "seconds")
    print("\n" + f"{'family':28}" + "".join(f"{title:>16}" for title in titles))
    for (kind, name), members in sorted(rows.items()):
        print(f"{kind + ' ' + name:28}" + "".join(f"{cell:>16}" for cell in _cells(members)))
    print("(verified: masses by polygons too. Steps, diagrams, seconds: median / greatest)")
    print(f"complaints: {_complaints(outcomes)}")
    slowest = sorted(outcomes, key=lambda seed: -outcomes[seed].diagrams)[:5]
    print(f"most diagrams: {', '.join(f'seed {s} {outcomes[s].diagrams}' for s in slowest)}")


def _complaints(outcomes: dict[int, Outcome]) -> str:
    """How many problems have each kind of complaint."""
    kinds = Counter(
        kind
        for outcome in outcomes.values()
        if outcome.kind == "wrong"
        for kind in {part.partition(":")[0] for part in outcome.message.split("; ")}
    )
    return ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()) or "none"


def _cells(members: list[Outcome]) -> list[str]:
    counts = [sum(outcome.kind == kind for outcome in members) for kind in OUTCOMES]
    ended = [outcome for outcome in members if outcome.kind in ("converged", "raised")]
    cells = [str(count) for count in (*counts, sum(outcome.verified for outcome in members))]
    for name, form in (("iterations", "g"), ("diagrams", "g"), ("seconds", ".2g")):
        values = [getattr(outcome, name) for outcome in ended] or [0]
        cells.append(f"{median(values):{form}} / {max(values):{form}}")
    return cells
