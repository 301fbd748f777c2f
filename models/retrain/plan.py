"""Plans, with the meaning that models/plan.c gives them (docs/PLANS.md)."""

import fnmatch
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml

from . import Refusal

FITS = ("greedy", "alternating", "alternating-from-greedy", "uniform")
ARITHS = ("f32", "a8", "t8")
MOST_BITS = 8


@dataclass
class Choice:
    bits: int = 0  # of every row; 0 where `words` gives each row its own
    words: dict | None = None
    uniform: bool = False
    group: int = 0  # 0: the whole row
    fit: str = "alternating"
    weighting: str = "none"


@dataclass
class Rule:
    match: str
    gives: dict
    order: int
    line: int

    @property
    def rank(self):
        return specificity(self.match), self.order


@dataclass
class Plan:
    name: str
    arith: str
    rules: list
    source: str
    text: str
    folder: Path = field(default_factory=Path)


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent, index):
        if self.check_event(yaml.events.AliasEvent):
            event = self.get_event()
            raise yaml.MarkedYAMLError(problem="aliases are refused", problem_mark=event.start_mark)
        return super().compose_node(parent, index)


def _pairs(node, what, known, source):
    """The values of a mapping node by key."""
    if not isinstance(node, yaml.MappingNode):
        raise Refusal(f"{source}:{node.start_mark.line + 1}: {what} is no mapping")
    found = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if key.value not in known:
            raise Refusal(f"{source}:{line}: {what} has no key {key.value!r}; it has {', '.join(known)}")
        if key.value in found:
            raise Refusal(f"{source}:{line}: {key.value} is repeated")
        found[key.value] = value
    return found


def _items(node, what, source):
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        raise Refusal(f"{source}:{node.start_mark.line + 1}: {what} is no list")
    return node.value


def _one_of(node, values, what, source):
    if not isinstance(node, yaml.ScalarNode) or node.value not in values:
        raise Refusal(f"{source}:{node.start_mark.line + 1}: {what} is one of {', '.join(values)}")
    return node.value


def _bits(node, source):
    return int(_one_of(node, [str(b) for b in range(1, MOST_BITS + 1)], "bits", source))


def _number(node, least, most, what, source):
    try:
        value = float(node.value)
        if least <= value <= most:
            return value
    except (ValueError, TypeError):
        pass
    raise Refusal(f"{source}:{node.start_mark.line + 1}: {what} is a number from {least:g} to {most:g}")


def _steps(node, source):
    steps, items = [], _items(node, "thresholds", source)
    for i, item in enumerate(items):
        pairs = _pairs(item, "a threshold", ("share", "count", "bits"), source)
        last = i + 1 == len(items)
        sized = ("share" in pairs) + ("count" in pairs)
        if "bits" not in pairs or sized != (not last):
            raise Refusal(
                f"{source}:{item.start_mark.line + 1}: every threshold has bits, and all but the "
                "last a share or a count"
            )
        step = {"bits": _bits(pairs["bits"], source)}
        if "share" in pairs:
            step["share"] = _number(pairs["share"], 1e-9, 1, "a share", source)
        if "count" in pairs:
            step["count"] = int(_number(pairs["count"], 1, 2**31 - 1, "a count", source))
        steps.append(step)
    if len(steps) > MOST_BITS or sum(step.get("share", 0) for step in steps) > 1 + 1e-9:
        raise Refusal(f"{source}:{node.start_mark.line + 1}: at most 8 thresholds, shares at most 1 in all")
    return steps


def _words(node, source):
    pairs = _pairs(node, "words", ("clusters", "ratio", "thresholds", "list"), source)
    kinds = [kind for kind in ("clusters", "thresholds", "list") if kind in pairs]
    if len(kinds) != 1 or ("ratio" in pairs) != (kinds == ["clusters"]):
        raise Refusal(
            f"{source}:{node.start_mark.line + 1}: words have one of clusters (with a ratio), "
            "thresholds and list"
        )
    if kinds == ["clusters"]:
        ratio = _number(pairs["ratio"], 1e-3, 1e3, "a ratio", source)
        return {"clusters": _bits(pairs["clusters"], source), "ratio": ratio}
    if kinds == ["list"]:
        return {"list": pairs["list"].value}
    return {"steps": _steps(pairs["thresholds"], source)}


def _rule(node, order, source):
    pairs = _pairs(node, "a rule", ("match", "bits", "words", "alpha", "group", "fit", "weighting", "arith"),
                   source)
    line = node.start_mark.line + 1
    match = pairs["match"].value if "match" in pairs else ""
    if not isinstance(match, str) or "" in match.split("."):
        raise Refusal(f"{source}:{line}: a rule needs a match without empty components")
    if "bits" in pairs and "words" in pairs:
        raise Refusal(f"{source}:{line}: a rule gives bits or words, not both")
    gives = {}
    if "bits" in pairs:
        gives["bits"] = (_bits(pairs["bits"], source), None)
    if "words" in pairs:
        gives["bits"] = (0, _words(pairs["words"], source))
    if "alpha" in pairs:
        gives["alpha"] = _one_of(pairs["alpha"], ("free", "uniform"), "alpha", source) == "uniform"
    if "group" in pairs:
        group = _one_of(pairs["group"], ("row", "32", "64", "128"), "group", source)
        gives["group"] = 0 if group == "row" else int(group)
    if "fit" in pairs:
        gives["fit"] = _one_of(pairs["fit"], FITS, "fit", source)
    if "weighting" in pairs:
        gives["weighting"] = _one_of(pairs["weighting"], ("none", "activations", "gram", "sequence"), "weighting", source)
    if "arith" in pairs:  # of the products, which the plan handed over says to Lutwidge
        _one_of(pairs["arith"], ARITHS, "arith", source)
    return Rule(match, gives, order, line)


def parse(text, source, folder=Path()):
    try:
        root = _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Refusal(f"{source}:{line}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise Refusal(f"{source}: {error}") from None
    if root is None:
        raise Refusal(f"{source}: the plan is empty")
    pairs = _pairs(root, "a plan", ("name", "comment", "arith", "rules"), source)
    if "rules" not in pairs:
        raise Refusal(f"{source}: the plan has no rules")
    arith = _one_of(pairs["arith"], ARITHS, "arith", source) if "arith" in pairs else "t8"
    rules = [_rule(node, i, source) for i, node in enumerate(_items(pairs["rules"], "rules", source))]
    name = pairs["name"].value if "name" in pairs else Path(source).stem
    return Plan(name, arith, rules, source, text, folder)


def read(path):
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    return parse(text, str(path), Path(path).parent)


def matches(match, name):
    """The components of `match` fit components of `name` in the same order."""
    wanted = match.replace("[^", "[!").split(".")
    for component in name.split("."):
        if fnmatch.fnmatchcase(component, wanted[0]):
            wanted = wanted[1:]
            if not wanted:
                return True
    return False


def specificity(match):
    return sum(
        2 if not set(part) & set("*?[") else int(part != "*") for part in match.split(".")
    )


def _choose(plan, name):
    """The choice, and the rule that gave each field."""
    why = {}
    for rule in plan.rules:
        if not matches(rule.match, name):
            continue
        for key in rule.gives:
            if key not in why or rule.rank > why[key].rank:
                why[key] = rule
    choice = Choice()
    if "bits" in why:
        choice.bits, choice.words = why["bits"].gives["bits"]
    if "alpha" in why:
        choice.uniform = why["alpha"].gives["alpha"]
    if "group" in why:
        choice.group = why["group"].gives["group"]
    if "fit" in why:
        choice.fit = why["fit"].gives["fit"]
    if "weighting" in why:
        choice.weighting = why["weighting"].gives["weighting"]
    if choice.uniform and ("fit" not in why or why["alpha"].rank > why["fit"].rank):
        choice.fit = "uniform"
    return choice, why


def resolve(plan, matrices):
    """A Choice by matrix name; every reason at once where the plan does not suit the model."""
    wrong, choices = [], {}
    for rule in plan.rules:
        found = [m for m in matrices if matches(rule.match, m.name)]
        odd = [m.name for m in found if not m.words]
        if not found:
            wrong.append(f'{plan.source}:{rule.line}: "{rule.match}" matches no matrix of the model')
        elif odd and rule.gives.get("bits", (0, None))[1]:
            wrong.append(
                f'{plan.source}:{rule.line}: "{rule.match}" gives bits by words, and {odd[0]} has no '
                "words as its rows"
            )
    for m in matrices:
        choice, why = _choose(plan, m.name)
        choices[m.name] = choice
        if "bits" not in why:
            wrong.append(f"{plan.source}: no rule gives bits to {m.name}")
        elif choice.uniform and choice.fit != "uniform":
            wrong.append(f"{plan.source}:{why['fit'].line}: {m.name} has uniform alpha, which only "
                         "the fit `uniform` gives")
        if choice.weighting != "none":
            wrong.append(f"{plan.source}:{why['weighting'].line}: {m.name} has weighting {choice.weighting}, which is for "
                         "fits without retraining")
    if wrong:
        raise Refusal("\n".join(wrong))
    return choices


def _listed_bits(path, words):
    bits = np.zeros(words, np.int64)
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
        if lines[0] != "# lutwidge word bits by id":
            raise Refusal(f"{path}:1: the first line is not `# lutwidge word bits by id`")
        for line in filter(None, lines[1:]):
            word, value = (int(text) for text in line.split("\t"))
            if bits[word] or not 1 <= value <= MOST_BITS or word < 0:
                raise ValueError
            bits[word] = value
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror}") from None
    except (ValueError, IndexError):
        raise Refusal(f"{path}: {line!r}: every word once, with bits 1 to 8") from None
    if not bits.all():
        raise Refusal(f"{path}: word {int(np.argmin(bits))} has no bits")
    return bits


def row_bits(plan, choice, rows, counts):
    """Planes of each row: int64 [rows]. counts[rows] says how often each word occurs."""
    if not choice.words:
        return np.full(rows, choice.bits, np.int64)
    if "list" in choice.words:
        return _listed_bits(plan.folder / choice.words["list"], rows)
    steps = choice.words.get("steps")
    if not steps:
        clusters, ratio = choice.words["clusters"], choice.words["ratio"]
        whole = sum(ratio**i for i in range(clusters))
        steps = [{"share": ratio**i / whole, "bits": clusters - i} for i in range(clusters)]
    bits = np.zeros(rows, np.int64)
    ranked = np.lexsort((np.arange(rows), -np.asarray(counts, np.int64)))
    end, begin = 0.0, 0
    for i, step in enumerate(steps):
        end += step["share"] * rows if "share" in step else step.get("count", 0)
        to = rows if i + 1 == len(steps) else round(end)
        if to > rows:
            raise Refusal(f"{plan.source}: the first {i + 1} thresholds take {to} words of {rows}")
        bits[ranked[begin:to]] = step["bits"]
        begin = to
    return bits
