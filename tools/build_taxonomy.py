"""Make the data files of `cloudclusters.vocabulary` from a folder of catalog files.

    python tools/build_taxonomy.py FOLDER

Reads `accelerators.csv`, `accelerator_architectures.csv`, `microarchitectures.csv`, `processors.csv`,
`regions.csv` and `instance_types.csv`, adds the hand-made words of `taxonomy_words.py` and `taxonomy_places.py`,
checks the result and writes one file per taxonomy. Same input, same output.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

import taxonomy_places as where
import taxonomy_words as words
from cloudclusters.vocabulary.growth import family

DATA = Path(__file__).resolve().parent.parent / "src" / "cloudclusters" / "vocabulary" / "data"
Row = dict[str, str]


@dataclass
class Name:
    """One line of a data file."""

    name: str
    abstract: bool = False
    parents: list[str] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    earlier: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)

    def line(self) -> str:
        """The line as it stands in the file."""
        facts = [f"{key}={value}" for key, value in self.facts.items() if value]
        cells = [";".join(dict.fromkeys(each)) for each in (self.parents, self.aliases, self.earlier, facts)]
        return "\t".join([self.name, "~" if self.abstract else "", *cells])


Names = dict[str, Name]


def split(cell: str) -> list[str]:
    """The parts of a list cell."""
    return [part.strip() for part in cell.split(";") if part.strip()]


def fixed(taxonomy: str) -> Names:
    """The hand-made lines of a taxonomy."""
    names: Names = {}
    for line in words.FIXED.get(taxonomy, "").strip().splitlines():
        name, flag, parents, aliases = (part.strip() for part in line.split("|"))
        names[name] = Name(name, flag == "~", split(parents), split(aliases))
    return names


def architectures(rows: list[Row]) -> Names:
    """Accelerator architectures below their makers and lines."""
    names = fixed("accelerator_architecture")
    groups = [name for name in names if name in ("GCN", "RDNA", "CDNA", "NeuronCore", "TPU")]
    for row in rows:
        name = row["architecture"]
        group = next((group for group in groups if name.startswith(group)), row["manufacturer"])
        aliases = split(words.ARCHITECTURE_SPELLINGS.get(name, ""))
        names[name] = Name(name, parents=[group], aliases=aliases, earlier=split(row["earlier_generations"]))
    return names


def accelerators(rows: list[Row]) -> Names:
    """Accelerator models below their families; a short name like `A100` means the family, all its sizes."""
    names = fixed("accelerator")
    taken = {alias.casefold() for name in names.values() for alias in name.aliases}
    for row in rows:
        aliases = split(row["aliases"])
        short = row["model"].removeprefix("NVIDIA ").removeprefix("AMD ").removeprefix("AWS ")
        families = split(row["families"])
        inner = [each for each in families if not any(each in names[other].parents for other in families)]
        names[row["model"]] = Name(
            row["model"],
            parents=inner,
            aliases=[each for each in [*aliases, short] if each.casefold() not in taken and each != row["model"]],
            facts={
                "manufacturer": row["manufacturer"],
                "type": row["accelerator_type"],
                "architecture": row["architecture"],
                "memory_gib": row["memory_gib"],
            },
        )
    return names


def microarchitectures(rows: list[Row]) -> Names:
    """Microarchitectures below their designers, with archspec's name where it means just this one."""
    names = fixed("microarchitecture")
    seen: set[str] = set()
    folded = {row["microarchitecture"].casefold() for row in rows}
    for row in rows:
        name, spec = row["microarchitecture"], row["archspec_name"]
        aliases = split(words.MICROARCHITECTURE_SPELLINGS.get(name, ""))
        aliases += [" ".join(_humps(name))]
        exact = spec not in seen and (name == "x86_64" or spec != "x86_64")
        if exact and spec not in folded:
            aliases.append(spec)
        seen.add(spec)
        maker = "Neoverse" if name.startswith("Neoverse") else row["vendor"]
        names[name] = Name(
            name,
            parents=[] if maker == "generic" else [maker],
            aliases=[alias for alias in aliases if alias != name],
            earlier=split(row["earlier_generations"]),
            facts={"isa": row["isa"], "archspec": spec if exact else ""},
        )
    return names


def _humps(name: str) -> list[str]:
    """`SapphireRapids` in words."""
    parts: list[str] = []
    for before, letter in zip(" " + name, name, strict=False):
        if letter.isupper() and before.islower():
            parts.append(letter)
        elif parts:
            parts[-1] += letter
        else:
            parts.append(letter)
    return parts


def processors(rows: list[Row]) -> Names:
    """Processor models below their lines; a line that machines are named by holds its specific models."""
    names = fixed("processor")
    groups = sorted(names, key=len, reverse=True)
    models = {row["model"] for row in rows}
    for row in rows:
        model = row["model"]
        group = next((each for each in groups if " " in each and model.startswith((f"{each} ", f"{each}-"))), "")
        group = group or row["manufacturer"]
        if model.startswith("AWS Graviton"):
            group = "Graviton"
        parents = [group]
        for generic, (start, core) in words.GENERIC_PROCESSORS.items():
            if model != generic and model.startswith(start) and row["microarchitecture"] == core:
                parents = [generic, group] if group not in ("AMD EPYC", "Intel Xeon") else [generic]
        names[model] = Name(
            model,
            parents=parents,
            aliases=[
                each for each in [*split(row["aliases"]), _short(model)] if each not in models and each not in groups
            ],
            facts={"manufacturer": row["manufacturer"], "microarchitecture": row["microarchitecture"]},
        )
    return names


def _short(model: str) -> str:
    for maker in ("Intel ", "AMD ", "AWS ", "Microsoft ", "Google ", "NVIDIA "):
        model = model.removeprefix(maker)
    return model


def simd(rows: list[Row]) -> Names:
    """The vector extensions that some microarchitecture has."""
    names: Names = {}
    for row in rows:
        for each in split(row["simd"]):
            names.setdefault(each, Name(each, aliases=split(words.SIMD_SPELLINGS.get(each, ""))))
    return names


def machine_types(rows: list[Row]) -> Names:
    """The families of machine types; the types themselves are the catalog's. Checks the naming rules."""
    wrong = [row["instance_type"] for row in rows if family(row["instance_type"]) != row["family"]]
    if wrong:
        raise SystemExit(f"the family rule fails for {wrong[:10]}")
    return {name: Name(name, abstract=True) for name in sorted({row["family"] for row in rows})}


def locales(rows: list[Row]) -> Names:
    """Continents, countries, places, regions."""
    names: Names = {}
    country_of: dict[str, str] = {}
    for country, places in where.COUNTRIES.items():
        name, spellings = (part.strip() for part in country.split("|"))
        names[name] = Name(name, True, aliases=split(spellings))
        country_of[name] = name
        country_of.update(dict.fromkeys(split(places), name))
    for row in rows:
        place = where.REGIONS.get(row["region"]) or _place(row["place"], country_of)
        country = country_of[where.PLACES.get(place, place)]
        names.setdefault(row["continent"], Name(row["continent"], True))
        if not names[country].parents:
            names[country].parents.append(row["continent"])
        for inner, outer in ((place, where.PLACES.get(place, country)), (where.PLACES.get(place, country), country)):
            if inner != outer:
                names.setdefault(inner, Name(inner, True, parents=[outer]))
        shown = [row["display_name"].replace(",", "")] if row["display_name"] not in where.PLACE_SPELLINGS else []
        names[row["region"]] = Name(row["region"], parents=[place], aliases=shown)
    for spelling, place in where.PLACE_SPELLINGS.items():
        names[place].aliases.append(spelling.replace(",", ""))
    for name in names.values():
        name.aliases = [alias for alias in name.aliases if alias not in names]
    return names


def _place(text: str, country_of: dict[str, str]) -> str:
    """The place's own name: `Frankfurt, Germany` is Frankfurt."""
    text = where.PLACE_SPELLINGS.get(text, text)
    spelled: dict[str, str] = {}
    for country in where.COUNTRIES:
        name, _, spellings = country.partition("|")
        spelled.update(dict.fromkeys(split(spellings), name.strip()))
    for part in text.split(","):
        name = where.PLACE_SPELLINGS.get(part.strip(), part.strip())
        name = spelled.get(name, name)
        if name in country_of or name in where.PLACES:
            return name
    raise SystemExit(f"no country is known for {text!r}: add it to taxonomy_places.py")


def check(taxonomy: str, names: Names) -> None:
    """Refuse what could not be read back or would be ambiguous; drop an alias that is another's name."""
    spelled: dict[str, str] = {}
    for name in names.values():
        for text in [name.name, *name.aliases]:
            if any(mark in text for mark in ",|;=\t") or text[:1] in "<>!":
                raise SystemExit(f"{taxonomy}: {text!r} cannot be written in a constraint")
            other = spelled.setdefault(text.casefold(), name.name)
            if other != name.name and text in (name.name, other):
                if taxonomy != "machine_type":
                    raise SystemExit(f"{taxonomy}: {text!r} means {other!r} and {name.name!r}")
            elif other != name.name:
                raise SystemExit(f"{taxonomy}: {text!r} is another spelling of {other!r} and {name.name!r}")
        for each in [*name.parents, *name.earlier]:
            if each not in names:
                raise SystemExit(f"{taxonomy}: {name.name!r} names {each!r}, which is not there")


def write(taxonomy: str, names: Names) -> None:
    """Write the data file of one taxonomy."""
    check(taxonomy, names)
    root, _, aliases = words.ROOTS[taxonomy].partition("|")
    title, shape = words.TITLES.get(taxonomy, taxonomy), words.SHAPES.get(taxonomy, "closed")
    lines = [f"# {title}\t{shape}", Name(root.strip(), True, aliases=split(aliases)).line()]
    lines += [name.line() for name in names.values()]
    (DATA / f"{taxonomy}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(folder: Path) -> None:
    """Build every file."""

    def rows(file: str) -> list[Row]:
        with (folder / file).open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))

    DATA.mkdir(exist_ok=True)
    cores = rows("microarchitectures.csv")
    made = {
        "machine_type": machine_types(rows("instance_types.csv")),
        "accelerator_architecture": architectures(rows("accelerator_architectures.csv")),
        "accelerator": accelerators(rows("accelerators.csv")),
        "microarchitecture": microarchitectures(cores),
        "processor": processors(rows("processors.csv")),
        "simd": simd(cores),
        "locale": locales(rows("regions.csv")),
    }
    for taxonomy in words.ROOTS:
        write(taxonomy, made.get(taxonomy) or fixed(taxonomy))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
