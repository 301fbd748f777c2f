/* The table of verbs: what --help, the manual pages and the completion say of each. */
#include "cli/cli.h"

#include "profiles/database.h"

#include <string.h>

const struct cli_verb cli_verbs[] = {
    {"quantize", "fit binary codes to a MarianMT folder and write one model file",
     "Reads a folder as Hugging Face has it, writes one .lwm file that needs nothing else. Bits "
     "are those of --bits, alike everywhere, or those of a plan by matrix and word "
     "(docs/PLANS.md): from a file, or one that was measured and is in a database. Of an .lwm file "
     "--arith changes the class and keeps the codes.",
     "lutwidge quantize models/open-en-de --bits 3 -o open3.lwm\n"
     "lutwidge quantize models/open-en-de --plan models/plans/paper.yaml \\\n"
     "    --source-text dev.en --target-text dev.de -o paper.lwm\n"
     "lutwidge quantize models/open-en-de --deployment p12 --db lutwidge.db \\\n"
     "    --source-text dev.en --target-text dev.de -o p12.lwm\n"
     "lutwidge quantize models/open-en-de --bits 5 --nested -o nested.lwm\n"
     "lutwidge quantize retrained -o retrained.lwm    # has codes of its own: docs/RETRAINING.md\n",
     "MODEL_DIR -o M.lwm", "inspect translate allocate", cli_quantize},
    {"inspect", "show layers, shapes, bits and bytes of a model",
     "Takes a MarianMT folder, an .lwm file or a bundle. Of a bundle it also shows which family "
     "of kernels each matrix has and why.",
     "lutwidge inspect open3.lwm                     # or a folder, or a bundle\n"
     "lutwidge inspect models/open-en-de --plan models/plans/paper.yaml\n"
     "lutwidge inspect a8.lwm --stream decoder.0.self.q | less\n",
     "MODEL", "quantize generate", cli_inspect},
    {"generate", "generate, compile and pack the kernels of a model into a bundle",
     "A bundle is a folder: model, packed weights, kernels for one device with their C sources, "
     "and a manifest. With --standalone it is one static program instead. translate does this by "
     "itself for the CPU that it runs on.",
     "lutwidge generate open3.lwm -o bundle\n"
     "lutwidge generate open3.lwm --device arm-cortex-a55 -o phone\n"
     "lutwidge generate open3.lwm -o bundle --plan measure --db lutwidge.db\n"
     "lutwidge generate --spec t8_m256_k256_b2_n4_avx512 --stage schedule\n",
     "M.lwm -o FOLDER", "translate inspect bench", cli_generate},
    {"translate", "translate lines of text from a file or standard input",
     "MODEL is an .lwm file, a bundle or a MarianMT folder (in fp32). One line in gives one line "
     "out; a line that cannot be translated gives an empty one and a message, and the exit code "
     "says so at the end. Kernels that an .lwm file needs are made once and kept in the cache.",
     "lutwidge translate open3.lwm < test.en > out.de\n"
     "lutwidge translate models/open-en-de --beam 4 --arith blas < test.en > out.de\n"
     "lutwidge translate nested.lwm --max-model-size 2.5MB < test.en > out.de\n"
     "lutwidge translate a8.lwm --device lut-mobile --engine rtl < test.en > out.de\n",
     "MODEL [INPUT]", "generate score simulate shortlist", cli_translate},
    {"shortlist", "learn from a parallel text which words translate each word",
     "Writes lines of 'target source probability' over the pieces of MODEL (a MarianMT folder, an "
     ".lwm file or a bundle): IBM Model 1, a few rounds of expectation maximisation, and under the "
     "source NULL how frequent each target piece is. translate --shortlist reads such a file, and "
     "those that Marian's tools write.",
     "lutwidge shortlist open3.lwm --source-text train.en --target-text train.de -o lex.txt\n"
     "lutwidge translate open3.lwm --shortlist lex.txt < test.en > out.de\n",
     "MODEL --source-text SRC --target-text REF -o LEX", "translate", cli_shortlist},
    {"score", "compute BLEU and chrF, equal to sacreBLEU",
     "Compares HYP, or standard input, with a reference of as many lines.",
     "lutwidge score --ref test.de out.de\n"
     "lutwidge translate open3.lwm < test.en | lutwidge score --ref test.de --json\n",
     "--ref REF [HYP]", "translate query", cli_score},
    {"profile", "measure what allocate needs, or what few bits cost each part",
     "With --device: losses of parts, times or cycles of their kernels on each device, the gates "
     "of "
     "engines, and whole plans that predictions are calibrated with. With --what sensitivity: "
     "errors, loss and BLEU "
     "of one quantised part at a time. Each point is kept at once, and the same command goes on "
     "where it was stopped.",
     "lutwidge profile models/open-en-de --device host,arm-exynos-m4,lut-mobile \\\n"
     "    --source dev.en --ref dev.de --db lutwidge.db\n"
     "lutwidge profile models/open-en-de --what sensitivity --source dev.en --ref dev.de \\\n"
     "    --by kind\n"
     "lutwidge profile models/open-en-de --what sensitivity --source dev.en --ref dev.de \\\n"
     "    --bits 2-3 --modes free/row,free/64 --no-bleu\n",
     "MODEL_DIR (--device D[,D...] | --what sensitivity) --source SRC --ref REF", "allocate query",
     cli_profile},
    {"allocate", "choose the bits of each part of a model from what was measured",
     "Solves for the plan of least loss within limits, or of least size, latency, memory, energy "
     "or area within a loss of BLEU, from the rows that profile --device left. Prints what is "
     "attainable, the plan, what binds and what more would buy (docs/ALLOCATION.md).",
     "lutwidge allocate models/open-en-de --max-size 2MB -o plan.yaml\n"
     "lutwidge allocate models/open-en-de --device host --max-size 3MB --max-latency 2ms \\\n"
     "    -o plan.yaml\n"
     "lutwidge allocate models/open-en-de --device lut-mobile --minimise latency \\\n"
     "    --max-drop 0.5 --pin embedding=4 -o plan.yaml\n"
     "lutwidge allocate models/open-en-de --device lut-mobile,mac4-mobile,mac8-mobile \\\n"
     "    --max-energy 8mJ --max-area 230k -o plan.yaml\n"
     "lutwidge allocate models/open-en-de --device host --max-size 3MB --verify 3 \\\n"
     "    --source dev.en --ref dev.de -o plan.yaml\n",
     "MODEL_DIR [--device D[,D...]] LIMIT... -o PLAN.yaml", "profile quantize query", cli_allocate},
    {"bench", "time product kernels beside OpenBLAS and oneDNN",
     "Every kernel is checked against the definition of its class before it is timed. Times are "
     "medians with their spread; with --static cycles that a model of an Arm CPU counts "
     "(docs/BENCHMARKS.md).",
     "lutwidge bench\n"
     "lutwidge bench --shapes 512x512,2048x512 --bits 1-2 --columns 1,4 --alpha free,uniform\n"
     "lutwidge bench --model open3.lwm --isa avx512,avx2 --mode resident,hot --db lutwidge.db\n"
     "lutwidge bench --static arm-exynos-m4,arm-cortex-a55 --shapes 512x512\n",
     "", "generate simulate query", cli_bench},
    {"simulate", "count cycles, stalls and bytes of the lookup-table engine",
     "Runs products of class a8 on the engine's C model, exact to the cycle, or on its verilated "
     "RTL: of one layer, of a decoder step, or of the translation of a text "
     "(docs/ACCELERATOR.md). With --synth it counts gates or LUTs of a device's engine.",
     "lutwidge simulate open3.lwm --step\n"
     "lutwidge simulate open3.lwm --layer decoder.0.ffn.fc1 --engine rtl --memory poor\n"
     "lutwidge simulate open3.lwm --text 'Open the file.' --parameters mu4-t16-r16-bus512-sl16\n"
     "lutwidge simulate open3.lwm test.en --lines 10 --db lutwidge.db\n"
     "lutwidge simulate --synth asic --device mac8-mobile\n",
     "M.lwm (--layer NAME | --step | --text TEXT | FILE) | --synth FLOW",
     "compare sweep translate query", cli_simulate},
    {"compare", "set engines beside each other: cycles, bytes, gates, energy",
     "Simulates the translation of one line on each device, by a model of class a8 that is named "
     "for it, synthesises each engine, and prints a row a device. Give each the bits that it "
     "needs for the BLEU of the others; with --source and --ref that BLEU stands beside it "
     "(docs/ACCELERATOR.md).",
     "lutwidge compare --text 'Open the file.' lut-mobile=u4.lwm mac8-mobile=u8.lwm\n"
     "lutwidge compare --text 'Open the file.' lut-mobile=u4.lwm bitserial-mobile=u4.lwm \\\n"
     "    mac4-mobile=u4.lwm mac8-mobile=u8.lwm --source test.en --ref test.de --lines 500\n",
     "--text TEXT DEVICE=M.lwm...", "simulate sweep query", cli_compare},
    {"sweep", "simulate many engines and keep what they take",
     "A YAML file names lists of parameters; every combination is simulated with the same work. "
     "Each point is kept at once, and the same command goes on where it was stopped.",
     "lutwidge sweep models/sweeps/engines.yaml --model a8.lwm --db lutwidge.db\n"
     "lutwidge query engines\n",
     "SWEEP.yaml", "simulate compare query", cli_sweep},
    {"query", "print what the database holds",
     "Answers one of the questions below, or SQL over the views of docs/DATABASE.md. Tables are "
     "for people; --json and --csv have every column.",
     "lutwidge query pareto\n"
     "lutwidge query best --max-size 3MB --device host\n"
     "lutwidge query diff p12 p15\n"
     "lutwidge query kernels --csv\n"
     "lutwidge query --db lutwidge.db --sql 'SELECT verb, bits, bleu FROM runs_view'\n",
     "NAME | diff A B | --sql SQL", "report db profile", cli_query},
    {"report", "write one page with all figures, for a browser without a network",
     "Charts and tables of what the database holds, in one file under 3 MB: size, latency and BLEU "
     "by device, bits by layer, the CPU's plan beside the accelerator's, predictions, stalls, "
     "rooflines, and the command behind each deployment (docs/REPORT.md).",
     "lutwidge report --db lutwidge.db -o report.html\n", "-o report.html", "query db profile",
     cli_report_page},
    {"db", "check, merge or export databases",
     "A database is one SQLite file that the verbs with --db add to (docs/DATABASE.md).",
     "lutwidge db check\n"
     "lutwidge db merge phone.db server.db --db all.db\n"
     "lutwidge db export > lutwidge.jsonl\n"
     "lutwidge db export part_losses --csv > losses.csv\n",
     "check | merge OTHER.db... | export [TABLE]", "query report", cli_db},
    {"doctor", "say what is here, what is missing and what installs it",
     "Looks for every program, library and package, names the verbs that need it, and tries what "
     "generate and translate do: compile, load and call. The exit code is 0 where quantize, "
     "generate and translate can run on this machine, and 1 where they cannot.",
     "lutwidge doctor\n"
     "lutwidge doctor --json\n",
     "", "generate translate", cli_doctor},
};
const size_t cli_verb_count = sizeof cli_verbs / sizeof *cli_verbs;

const struct cli_verb *cli_verb_named(const char *name)
{
    for (size_t i = 0; i < cli_verb_count; i++)
        if (strcmp(name, cli_verbs[i].name) == 0)
            return &cli_verbs[i];
    return NULL;
}

bool cli_word_at(const struct cli_verb *verb, size_t i, struct cli_word *word)
{
    static const struct cli_word of_db[] = {
        {"check", "look for damage, and for rows that refer to none"},
        {"merge", "add the rows of other databases; again adds nothing"},
        {"export", "print all tables, or one, as JSON, an object a line"}};
    *word = (struct cli_word){0};
    if (verb->run == cli_query)
        word->name = lw_question_at(i, &word->says);
    else if (verb->run == cli_db && i < sizeof of_db / sizeof *of_db)
        *word = of_db[i];
    return word->name;
}
