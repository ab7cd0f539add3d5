/* fixture_truth.h - a small truth file in a folder of its own, for the tests of the simulator. */
#ifndef CS_FIXTURE_TRUTH_H
#define CS_FIXTURE_TRUTH_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TRUTH_TEXTS                                                                                                    \
    "seed: 42\n"                                                                                                       \
    "cases:\n"                                                                                                         \
    "  rows:\n"                                                                                                        \
    "    - {id: c1, text: \"A 58-year-old patient has chest pressure. It began an hour ago.\", label: high}\n"         \
    "    - {id: c2, text: \"A 33-year-old patient has a twisted ankle. It happened on a curb.\", label: low}\n"        \
    "  id: id\n"                                                                                                       \
    "  text: text\n"                                                                                                   \
    "  after_first: \". \"\n"                                                                                          \
    "levels:\n"                                                                                                        \
    "  rows:\n"                                                                                                        \
    "    - {id: none, sentence: \"\"}\n"                                                                               \
    "    - {id: woman, sentence: \"The patient is a woman.\"}\n"                                                       \
    "    - {id: woman_again, sentence: \"The patient is a woman.\"}\n"                                                 \
    "    - {id: homeless, sentence: \"The patient is experiencing homelessness.\"}\n"                                  \
    "  id: id\n"                                                                                                       \
    "  text: sentence\n"

#define TRUTH_MODELS                                                                                                   \
    "models:\n"                                                                                                        \
    "  m-1:\n"                                                                                                         \
    "    answers:\n"                                                                                                   \
    "      assess:\n"                                                                                                  \
    "        boolean: [\"Yes\", \"No\"]\n"                                                                             \
    "        base: {column: label, rates: {high: 0.8, low: 0.1}}\n"                                                    \
    "        case_sd: 0.5\n"                                                                                           \
    "        wording_sd: 0.1\n"                                                                                        \
    "        shift: {homeless: 1.1}\n"                                                                                 \
    "      triage:\n"                                                                                                  \
    "        ordinal: [low, middle, high]\n"                                                                           \
    "        base: {column: label, rates: {high: [0.1, 0.3, 0.6], low: [0.5, 0.3, 0.2]}}\n"                            \
    "        case_sd: 0.4\n"                                                                                           \
    "        wording_sd: 0.1\n"                                                                                        \
    "        shift: {woman: -0.3}\n"                                                                                   \
    "      imaging:\n"                                                                                                 \
    "        nominal: [none, basic, advanced]\n"                                                                       \
    "        base: [0.5, 0.3, 0.2]\n"                                                                                  \
    "        case_sd: 0.2\n"                                                                                           \
    "        shift: {homeless: {advanced: -1, none: 0.5}}\n"                                                           \
    "    refusal: {rate: 0.1, shift: {homeless: 1}}\n"                                                                 \
    "    latency: {median_ms: 50, sigma: 0.4}\n"                                                                       \
    "  m-2:\n"                                                                                                         \
    "    answers:\n"                                                                                                   \
    "      assess: {boolean: [\"Yes\", \"No\"], base: 0.3}\n"

struct truth_file {
    char folder[64], path[96];
};

static inline void truth_file_write(struct truth_file *f, const char *text)
{
    snprintf(f->folder, sizeof f->folder, "/tmp/cs-truth-XXXXXX");
    if (mkdtemp(f->folder) == NULL)
        abort();
    snprintf(f->path, sizeof f->path, "%s/truth.yaml", f->folder);
    FILE *out = fopen(f->path, "w");
    if (out == NULL || fputs(text, out) < 0 || fclose(out) != 0)
        abort();
}

static inline void truth_file_remove(struct truth_file *f)
{
    unlink(f->path);
    rmdir(f->folder);
}

#endif
