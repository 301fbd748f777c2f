import unittest
from pathlib import Path

import numpy as np

from retrain import Refusal
from retrain import plan as plans
from retrain.layout import list_matrices, read_config

MODELS = Path(__file__).parents[2]


def resolve(rules, head=""):
    plan = plans.parse(head + "rules:\n" + rules, "p.yaml")
    return plans.resolve(plan, list_matrices(read_config(MODELS / "open-en-de")))


class Plans(unittest.TestCase):
    def refused(self, rules, *texts):
        with self.assertRaises(Refusal) as caught:
            resolve(rules)
        for text in texts:
            self.assertIn(text, str(caught.exception))

    def test_shipped_plans_suit_the_bundled_model(self):
        matrices = list_matrices(read_config(MODELS / "open-en-de"))
        self.assertEqual(len(matrices), 1 + 5 * 6 + 3 * 10)
        for path in sorted((MODELS / "plans").glob("*.yaml")):
            if path.stem == "self3-rest4":
                with self.assertRaisesRegex(Refusal, "weighting gram"):
                    plans.resolve(plans.read(path), matrices)
                continue
            choices = plans.resolve(plans.read(path), matrices)
            self.assertEqual(set(choices), {m.name for m in matrices})

    def test_components_match_in_order(self):
        for match, name, expected in (
            ("*", "embedding", True), ("decoder", "decoder.0.self.q", True),
            ("decoder.ffn", "decoder.2.ffn.fc1", True), ("ffn.decoder", "decoder.2.ffn.fc1", False),
            ("encoder.[0-2].self", "encoder.3.self.q", False), ("encoder.[^0-2]", "encoder.3.self.q", True),
            ("decoder.*.self.?", "decoder.0.self.q", True), ("cross", "encoder.0.self.q", False),
        ):
            self.assertEqual(plans.matches(match, name), expected, match)
        self.assertEqual([plans.specificity(m) for m in ("*", "fc?", "decoder.ffn")], [0, 1, 4])

    def test_the_most_specific_rule_gives_a_field_and_of_equals_the_later(self):
        choices = resolve("""
- {match: decoder.ffn, bits: 1}
- {match: "*", bits: 3, group: 64}
- {match: decoder, bits: 2, alpha: uniform}
- {match: embedding, bits: 4, fit: greedy}
- {match: embedding, bits: 5}
""")
        found = choices["decoder.0.ffn.fc1"]
        self.assertEqual((found.bits, found.group, found.uniform, found.fit), (1, 64, True, "uniform"))
        self.assertEqual((choices["embedding"].bits, choices["embedding"].fit), (5, "greedy"))
        self.assertEqual(choices["encoder.0.self.q"].fit, "alternating")
        found = resolve('- {match: "*", bits: 3, weighting: gram, arith: a8}\n- {match: "*", weighting: none}')
        self.assertEqual(found["embedding"].weighting, "none")

    def test_bits_of_words(self):
        plan = plans.parse('rules:\n- {match: "*", bits: 1}\n- {match: embedding, words: {clusters: 4, ratio: 4}}', "p")
        choice = plans.resolve(plan, list_matrices(read_config(MODELS / "open-en-de")))["embedding"]
        bits = plans.row_bits(plan, choice, 85, np.arange(85) // 2)
        self.assertEqual(np.bincount(bits).tolist(), [0, 64, 16, 4, 1])
        self.assertEqual((bits[84], bits[82], bits[83]), (4, 3, 3))
        plan = plans.parse("rules:\n- match: embedding\n  words:\n    thresholds: [{share: 0.25, bits: 3}, "
                           "{count: 5, bits: 2}, {bits: 1}]", "p")
        bits = plans.row_bits(plan, plans.Choice(words=plan.rules[0].gives["bits"][1]), 40, np.arange(40))
        self.assertEqual(np.bincount(bits).tolist(), [0, 25, 5, 10])

    def test_refusals_name_the_reason(self):
        self.refused('- {match: "*", bits: 2}\n- {match: decodr, bits: 1}', "p.yaml:3", "decodr", "no matrix")
        self.refused("- {match: embedding, bits: 2}", "no rule gives bits to encoder.0.self.q")
        self.refused('- {match: "*", words: {clusters: 4, ratio: 1}}', "no words")
        self.refused('- {match: "*", bits: 9}', "bits is one of")
        self.refused('- {match: "*", bits: 2, arith: a4}', "arith is one of")
        self.refused('- {match: "*", bits: 2, weighting: 1}', "weighting is one of")
        self.refused('- {match: "*", bits: 2}\n- {match: fc1, weighting: activations}', "p.yaml:3", "encoder.0.ffn.fc1")
        self.refused('- {match: "*", bits: 2, bit: 1}', "no key 'bit'")
        self.refused('- {match: "*", bits: 2, bits: 1}', "repeated")
        self.refused('- {match: "*", bits: 2, alpha: uniform}\n- {match: fc1, fit: greedy}', "uniform alpha")
        self.refused('- {match: "*", bits: 2}\n---\n- 1', "p.yaml")
        self.refused('- {match: &a "*", bits: 2}\n- {match: *a, bits: 2}', "aliases")


if __name__ == "__main__":
    unittest.main()
