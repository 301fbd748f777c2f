/* The program: the table of verbs, signals, and the way in and out. */
#include "cli/cli.h"

#include "models/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct cli_verb cli_verbs[] = {
    {"quantize", "fit binary codes to a MarianMT folder and write one model file",
     "lutwidge quantize models/open-en-de --bits 3 -o open3.lwm\n"
     "lutwidge quantize models/open-en-de --plan models/plans/paper.yaml \\\n"
     "    --source-text dev.en --target-text dev.de -o paper.lwm\n"
     "lutwidge quantize models/open-en-de --bits 5 --nested -o nested.lwm\n"
     "lutwidge quantize retrained -o retrained.lwm    # has codes of its own: docs/RETRAINING.md\n",
     "MODEL_DIR -o M.lwm", cli_quantize},
    {"inspect", "show layers, shapes, bits and bytes of a model",
     "lutwidge inspect open3.lwm                     # or a folder, or a bundle\n"
     "lutwidge inspect models/open-en-de --plan models/plans/paper.yaml\n"
     "lutwidge inspect a8.lwm --stream decoder.0.self.q | less\n",
     "MODEL", cli_inspect},
    {"generate", "generate, compile and pack the kernels of a model into a bundle",
     "lutwidge generate open3.lwm -o bundle\n"
     "lutwidge generate open3.lwm -o bundle --plan measure --db lutwidge.db\n"
     "lutwidge generate --spec t8_m256_k256_b2_n4_avx512 --stage schedule\n",
     "M.lwm -o FOLDER", cli_generate},
    {"translate", "translate lines of text from standard input",
     "lutwidge translate open3.lwm < test.en > out.de\n"
     "lutwidge translate models/open-en-de --beam 4 --arith blas < test.en > out.de\n"
     "lutwidge translate nested.lwm --max-model-size 2.5MB < test.en > out.de\n"
     "lutwidge translate a8.lwm --device lut-mobile --engine rtl < test.en > out.de\n",
     "MODEL [INPUT]", cli_translate},
    {"score", "compute BLEU and chrF, equal to sacreBLEU",
     "lutwidge score --ref test.de out.de\n"
     "lutwidge translate open3.lwm < test.en | lutwidge score --ref test.de --json\n",
     "--ref REF [HYP]", cli_score},
    {"profile", "measure what allocate needs, or what few bits cost each part of a model alone",
     "lutwidge profile models/open-en-de --device host,arm-exynos-m4,lut-mobile \\\n"
     "    --source dev.en --ref dev.de --db lutwidge.db\n"
     "lutwidge profile models/open-en-de --what sensitivity --source dev.en --ref dev.de --by "
     "kind\n"
     "lutwidge profile models/open-en-de --what sensitivity --source dev.en --ref dev.de \\\n"
     "    --bits 2-3 --modes free/row,free/64 --no-bleu\n",
     "MODEL_DIR --device D[,D...] | --what sensitivity  --source SRC --ref REF", cli_profile},
    {"allocate", "choose the bits of each part of a model from what was measured",
     "lutwidge allocate models/open-en-de --max-size 2MB -o plan.yaml\n"
     "lutwidge allocate models/open-en-de --device host --max-size 3MB --max-latency 2ms -o "
     "plan.yaml\n"
     "lutwidge allocate models/open-en-de --device lut-mobile --minimise latency --max-drop 0.5 "
     "\\\n"
     "    --pin embedding=4 -o plan.yaml\n"
     "lutwidge allocate models/open-en-de --max-size 3MB --verify 3 --source dev.en --ref dev.de "
     "-o "
     "plan.yaml\n",
     "MODEL_DIR --device D [LIMITS] -o PLAN.yaml", cli_allocate},
    {"bench", "time product kernels beside OpenBLAS and oneDNN",
     "lutwidge bench\n"
     "lutwidge bench --shapes 512x512,2048x512 --bits 1-2 --columns 1,4 --alpha free,uniform\n"
     "lutwidge bench --model open3.lwm --isa avx512,avx2 --mode resident,hot --db lutwidge.db\n"
     "lutwidge bench --static arm-exynos-m4,arm-cortex-a55 --shapes 512x512\n",
     "", cli_bench},
    {"simulate", "count cycles, stalls and bytes of the lookup-table engine",
     "lutwidge simulate open3.lwm --step\n"
     "lutwidge simulate open3.lwm --layer decoder.0.ffn.fc1 --engine rtl --memory poor\n"
     "lutwidge simulate open3.lwm --text 'Open the file.' --parameters mu4-t16-r16-bus512-sl16\n"
     "lutwidge simulate open3.lwm test.en --lines 10 --db lutwidge.db\n"
     "lutwidge simulate --synth asic --device mac8-mobile\n",
     "M.lwm --layer NAME | --step | --text TEXT | FILE, or --synth FLOW", cli_simulate},
    {"compare", "set engines beside each other: cycles, bytes, gates, energy",
     "lutwidge compare --text 'Open the file.' lut-mobile=u4.lwm bitserial-mobile=u4.lwm \\\n"
     "    mac4-mobile=u4.lwm mac8-mobile=u8.lwm --source test.en --ref test.de --lines 500\n",
     "--text TEXT DEVICE=M.lwm...", cli_compare},
    {"sweep", "simulate many engines and keep what they take",
     "lutwidge sweep models/sweeps/engines.yaml --model a8.lwm --db lutwidge.db\n"
     "lutwidge query engines\n",
     "SWEEP.yaml", cli_sweep},
    {"query", "print what the database holds",
     "lutwidge query pareto\n"
     "lutwidge query best --max-size 3MB --device host\n"
     "lutwidge query diff p12 p15\n"
     "lutwidge query kernels --csv\n"
     "lutwidge query --db lutwidge.db --sql 'SELECT verb, bits, bleu FROM runs_view'\n",
     "NAME | diff A B | --sql SQL", cli_query},
    {"report", "write one page with all figures, for a browser without a network",
     "lutwidge report --db lutwidge.db -o report.html\n", "-o report.html", cli_report_page},
    {"db", "check, merge or export databases",
     "lutwidge db check\n"
     "lutwidge db merge phone.db server.db --db all.db\n"
     "lutwidge db export > lutwidge.jsonl\n"
     "lutwidge db export part_losses --csv > losses.csv\n",
     "check | merge OTHER.db... | export [TABLE]", cli_db},
};
const size_t cli_verb_count = sizeof cli_verbs / sizeof *cli_verbs;

const struct cli_verb *cli_verb_named(const char *name)
{
    for (size_t i = 0; i < cli_verb_count; i++)
        if (strcmp(name, cli_verbs[i].name) == 0)
            return &cli_verbs[i];
    return NULL;
}

static void print_help(void)
{
    puts("Lutwidge: extremely-low-bit Transformers for translation.\n\n"
         "Examples:\n"
         "  lutwidge quantize models/open-en-de --bits 3 -o open3.lwm\n"
         "  lutwidge translate open3.lwm < test.en > out.de\n\n"
         "Usage: lutwidge VERB [OPTION...] [ARGUMENT...]\n\n"
         "Verbs:");
    for (size_t i = 0; i < cli_verb_count; i++)
        printf("  %-11s %s\n", cli_verbs[i].name, cli_verbs[i].purpose);
    puts("\n'lutwidge VERB --help' describes one verb, 'lutwidge --version' prints the version.\n\n"
         "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 constraints cannot be met,\n"
         "4 a verification found a difference, 5 corrupt input.");
}

static int unknown_verb(const char *word)
{
    const char *names[sizeof cli_verbs / sizeof *cli_verbs];
    for (size_t i = 0; i < cli_verb_count; i++)
        names[i] = cli_verbs[i].name;
    const char *near = cli_nearest(word, names, cli_verb_count);
    fprintf(stderr, "lutwidge: there is no verb '%s'", word);
    if (near)
        fprintf(stderr, "; did you mean '%s'?\n", near);
    else
        fputs("; 'lutwidge --help' lists them\n", stderr);
    return LW_USAGE;
}

/* A descriptor that the caller closed would be given to the next file opened, and text meant for
 * the terminal would land in it. What is put in its place fails on use: 0 cannot be read, 1 and 2
 * cannot be written. */
static void hold_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            abort();
}

/* Installed with SA_RESETHAND: the signal raised again ends the process in the way that its parent
 * expects to see. */
static void stop(int number)
{
    lw_writer_abort_all();
    raise(number);
}

static void catch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction now,
            action = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
        sigemptyset(&action.sa_mask);
        /* A signal that nohup or a shell had us ignore stays ignored, but a closed pipe always ends
         * us. */
        if (numbers[i] != SIGPIPE && sigaction(numbers[i], NULL, &now) == 0 &&
            now.sa_handler == SIG_IGN)
            continue;
        sigaction(numbers[i], &action, NULL);
    }
}

/* words[0] is the verb. */
static int dispatch(int count, const char **words)
{
    static const char *help[] = {"--help", "--help", NULL};
    if (count == 0) {
        words = help;
    } else if (strcmp(words[0], "help") == 0) {
        help[0] = count > 1 ? words[1] : "--help";
        words = help;
        count = 2;
    }
    const char *word = words[0];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        print_help();
        return LW_OK;
    }
    if (strcmp(word, "--version") == 0) {
        puts("lutwidge " LW_VERSION);
        return LW_OK;
    }
    const struct cli_verb *verb = cli_verb_named(word);
    return verb ? verb->run(count, words) : unknown_verb(word);
}

int main(int argc, char **argv)
{
    hold_standard_streams();
    catch_signals();
    int code = dispatch(argc > 1 ? argc - 1 : 0, (const char **)argv + 1);
    return cli_finish(argc > 1 && argv[1][0] != '-' ? argv[1] : NULL, code);
}
