/* Words and formulas: each term of the page in plain words, and where its formula comes from. */
#include "tools/report/html/page.h"

static const struct {
    const char *term, *meaning, *source; /* source "": a plain word */
} terms[] = {
    {"case, cluster",
     "A clinical text; the base case that it is a version of. The base case is the unit of statistics: asking about "
     "it a hundred times does not make it a hundred patients.",
     ""},
    {"level, control, placebo, A/A",
     "One version of what is varied; the version with nothing added; a sentence that should not matter; a second "
     "control, identical to the first and asked separately.",
     ""},
    {"shift",
     "Mean over cases of the answer under the level minus that under the comparator, in percentage points or levels "
     "of the scale, signed. Everything is averaged within a case first.",
     "Miller, Adding error bars to evals, arXiv 2411.00640 (2024)"},
    {"interval (CI), p",
     "Student\xE2\x80\x99s t on one difference per cluster, degrees of freedom = clusters \xE2\x88\x92 1. Checked by "
     "flipping the signs of clusters.",
     "Student, Biometrika 6 (1908) 1; Fisher, The Design of Experiments (1935) \xC2\xA7"
     "21"},
    {"simultaneous interval",
     "Widened so that the statements about all rows hold together at the level declared; the verdict is read from it.",
     ""},
    {"adjusted p",
     "Holm and step-down max-T bound the chance of any false alarm; Benjamini\xE2\x80\x93Hochberg and "
     "Benjamini\xE2\x80\x93Yekutieli bound the share of false alarms among those called different.",
     "Holm, Scand J Stat 6 (1979) 65; Westfall and Young, Resampling-Based Multiple Testing (1993); Benjamini and "
     "Hochberg, J R Stat Soc B 57 (1995) 289; Benjamini and Yekutieli, Ann Stat 29 (2001) 1165"},
    {"primary, exploratory",
     "Primary comparisons were named beforehand and carry the study's conclusion; they are judged together with the adjustment "
     "declared. Exploratory ones are judged apart with Benjamini\xE2\x80\x93Hochberg, and suggest what to ask next.",
     ""},
    {"margin", "The largest shift that the study called unimportant before it saw an answer.", ""},
    {"different, beyond the margin", "The adjusted interval lies wholly outside the margin.", ""},
    {"different, size unclear", "The adjusted interval leaves out zero and crosses the margin.", ""},
    {"different, smaller than the margin", "The adjusted interval leaves out zero and lies inside the margin.", ""},
    {"equivalent", "Two one-sided tests show, with the adjustment, that the shift lies inside the margin.",
     "Schuirmann, J Pharmacokinet Biopharm 15 (1987) 657"},
    {"not worse by the margin",
     "Where the study declared one direction to be the worse: a one-sided test shows that the shift does not go that "
     "way by as much as the margin (non-inferiority).",
     "ICH E9 (1998) section 3.3.2"},
    {"equivalent only on average",
     "Equivalent as a mean, but a declared question has shown that the shift is not the same everywhere.", ""},
    {"inconclusive", "Neither of these. Not significant is not equivalent.", ""},
    {"worst and best case",
     "The shift if every unusable answer had gone one way, or the other. When the two disagree about the verdict, it "
     "is inconclusive.",
     ""},
    {"lost under pressure",
     "Right at the first turn of a conversation and wrong at the last. As a share of all conversations it is the primary figure; as a share "
     "of those that were right at first it is conditional on answers that an arm may have moved itself.",
     ""},
    {"first answer holds, turns held",
     "Share of conversations in which the answer at a turn, and at all before it, is the first one; a missing answer ends the time at risk. Turns "
     "held are its sum over the turns, censored at the last. Errors by cluster.",
     "Kaplan and Meier, J Am Stat Assoc 53 (1958) 457; Williams, Lifetime Data Anal 1 (1995) 171"},
    {"rate ratio",
     "Rate under the level over rate under the comparator; its interval by t on a logarithmic scale. Not shown where "
     "either was seen in fewer than five clusters.",
     "Cochran, Sampling Techniques (1977) section 6"},
    {"does the shift differ",
     "One difference of shifts per cluster and level against the first level; all of them at once by Hotelling's T2, "
     "with few clusters by the largest t. Between kinds of cases Welch's F.",
     "Hotelling, Ann Math Stat 2 (1931) 360; Welch, Biometrika 38 (1951) 330"},
    {"one pair of answers a case",
     "p is that of the exact McNemar test, the interval of the shift is Newcombe's (method 10), that of a rate "
     "Wilson's. The two follow different formulas: near the limit one may leave out what the other holds.",
     "Newcombe, Stat Med 17 (1998) 2635; Wilson, J Am Stat Assoc 22 (1927) 209"},
    {"few clusters moved",
     "Where at most ten clusters moved at all, equivalence is judged with a wider interval: by the share that may "
     "move beside those seen, times the range of the answer.",
     "Clopper and Pearson, Biometrika 26 (1934) 404"},
    {"flips b and c, odds c/b, McNemar",
     "Cases whose answer went from yes to no (b) and from no to yes (c); only where each cluster gives one pair. "
     "Exact binomial test of b against c.",
     "McNemar, Psychometrika 12 (1947) 153"},
    {"P(up), P(down)",
     "The chance that an answer under the level is higher, or lower, than one under the comparator to the same case.",
     ""},
    {"signed rank", "Second opinion for ordinal answers, on cluster shifts; zeros by Pratt.",
     "Wilcoxon, Biometrics Bull 1 (1945) 80; Pratt, J Am Stat Assoc 54 (1959) 655"},
    {"noise floor",
     "What moves although nothing that should matter has changed: re-asking, rephrasing, administrative sentences, a "
     "second control. Reported as a range.",
     ""},
    {"three components",
     "Systematic\xC2\xB2 = S\xC2\xB2 \xE2\x88\x92 s\xC2\xB2/n; case-specific variance = s\xC2\xB2 \xE2\x88\x92 mean "
     "of the variance expected from re-asking, with s\xC2\xB2 the variance of the shift over n clusters; re-ask noise "
     "= how often two answers to the same prompt differ. Needs two answers or more in every cell.",
     "unbiased moment estimators"},
    {"label; missed, not indicated",
     "The answer the case carries as right, with its source; answers below and above it.", ""},
    {"times the label", "Rate of the answer over the rate that the labels say, always beside the same for the control.",
     ""},
    {"warranted difference",
     "A difference that physicians held to be medically justified, for one case, level and answer, before the first "
     "output. Nobody knows its size: it is listed apart and never subtracted.",
     ""},
    {"mean over models", "From eight models on: cases and models are both drawn again.",
     "Owen, Ann Appl Stat 1 (2007) 386"},
};

void cs_html_glossary(struct cs_page *p)
{
    fputs("<dl>\n", p->out);
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++) {
        cs_html(p->out, "<dt>%s</dt><dd>%s", terms[i].term, terms[i].meaning);
        if (terms[i].source[0] != '\0')
            cs_html(p->out, " <span class=\"ref\">%s.</span>", terms[i].source);
        fputs("</dd>\n", p->out);
    }
    fputs("</dl>\n", p->out);
}
