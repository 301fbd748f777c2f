/* BLEU and chrF as sacreBLEU computes them (M. Post, "A Call for Clarity in Reporting BLEU Scores",
 * WMT 2018; M. Popovic, "chrF: character n-gram F-score for automatic MT evaluation", WMT 2015).
 * BLEU: 13a tokeniser, mixed case, exponential smoothing, one reference. chrF2: character order 6,
 * word order 0, beta 2, white space removed. Lines are UTF-8. */
#ifndef LW_PROFILES_SCORE_H
#define LW_PROFILES_SCORE_H

#include "models/status.h"

#include <stddef.h>
#include <stdint.h>

struct lw_score {
    double bleu;          /* 0..100 */
    double precisions[4]; /* 0..100 */
    double brevity;       /* brevity penalty, 0..1 */
    uint64_t system_words, reference_words;
    double chrf; /* 0..100 */
    size_t lines;
};

/* Accumulates line by line; zero-initialise. */
struct lw_score_statistics {
    uint64_t correct[4], total[4];
    uint64_t system_words, reference_words;
    uint64_t chrf_hypothesis[6], chrf_reference[6], chrf_match[6];
    size_t lines;
};

/* Lines hold no newline. On failure (LW_CORRUPT: not UTF-8) the statistics are of no more use. */
enum lw_status lw_score_line(struct lw_score_statistics *statistics, const char *hypothesis,
                             const char *reference, struct lw_error *error);
void lw_score_finish(const struct lw_score_statistics *statistics, struct lw_score *score);
/* Scores two files line by line; a path of "-" reads standard input. LW_CORRUPT where the numbers
 * of lines differ, there are none, or a line is not UTF-8. */
enum lw_status lw_score_files(const char *hypothesis_path, const char *reference_path,
                              struct lw_score *score, struct lw_error *error);

/* sacreBLEU's signature of the BLEU figure, "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp". */
extern const char lw_bleu_signature[];
extern const char lw_chrf_signature[];

#endif
