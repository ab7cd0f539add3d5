#include "tools/slurm/jobs.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- what may stand in a script -------------------------------------------------------------------- */

/* Nothing that Slurm or the shell would read as more than itself. */
static enum cs_err check_word(const char *what, const char *text, struct cs_error *err)
{
    if (text == NULL)
        return CS_OK;
    for (const char *s = text; *s != '\0'; s++)
        if (!isalnum((unsigned char)*s) && strchr("_./+@,:=-", *s) == NULL)
            return cs_error_set(err, CS_EUSAGE,
                                "%s %.80s: want letters, digits and _ . / + @ , : = - only, as it stands in a script",
                                what, text);
    return text[0] != '\0' ? CS_OK : cs_error_set(err, CS_EUSAGE, "%s: it is empty", what);
}

/* An address may have [::1] in it besides: it stands in single quotes. */
static enum cs_err check_address(const char *what, const char *text, struct cs_error *err)
{
    for (const char *s = text; s != NULL && *s != '\0'; s++)
        if (!isalnum((unsigned char)*s) && strchr("_./+@,:=-[]", *s) == NULL)
            return cs_error_set(err, CS_EUSAGE, "%s %.80s: want letters, digits and _ . / + @ , : = - [ ] only", what,
                                text);
    return text == NULL || text[0] != '\0' ? CS_OK : cs_error_set(err, CS_EUSAGE, "%s: it is empty", what);
}

static enum cs_err check_line(const char *what, const char *text, bool option, struct cs_error *err)
{
    const size_t n = strlen(text);

    for (const char *s = text; *s != '\0'; s++)
        if (iscntrl((unsigned char)*s))
            return cs_error_set(err, CS_EUSAGE, "%s: want one line of text", what);
    if (n > 0 && text[n - 1] == '\\')
        return cs_error_set(err, CS_EUSAGE, "%s %.80s: a \\ at its end would swallow the line behind it", what, text);
    if (option && text[0] != '-')
        return cs_error_set(err, CS_EUSAGE, "%s %.80s: want an option of sbatch, such as --constraint=ib", what, text);
    return CS_OK;
}

static enum cs_err check_lines(const char *what, const struct cs_option_list *l, bool option, struct cs_error *err)
{
    for (unsigned i = 0; i < l->n; i++) {
        enum cs_err rc = check_line(what, l->v[i], option, err);
        if (rc != CS_OK)
            return rc;
    }
    return CS_OK;
}

static enum cs_err check_counts(const struct cs_jobs *j, struct cs_error *err)
{
    if (j->workers == 0 || j->tasks < j->workers || j->tasks > CS_JOBS_TASKS_MAX)
        return cs_error_set(err, CS_EUSAGE,
                            "--workers %llu --tasks %llu: want 1 to %d tasks, and no more workers at once than tasks",
                            (unsigned long long)j->workers, (unsigned long long)j->tasks, CS_JOBS_TASKS_MAX);
    if (j->slots == 0 || j->slots > 65536)
        return cs_error_set(err, CS_EUSAGE, "--slots %llu: want 1 to 65536", (unsigned long long)j->slots);
    if (j->drain_s > 86400 || j->idle_s > 86400)
        return cs_error_set(err, CS_EUSAGE, "--drain-s, --idle-exit: want at most a day");
    return CS_OK;
}

enum cs_err cs_jobs_check(const struct cs_jobs *j, struct cs_error *err)
{
    const struct {
        const char *what, *text;
    } words[] = {
        {"DIR", j->dir},
        {"--store", j->store},
        {"the folder of the programs", j->bin},
        {"--partition", j->partition},
        {"--account", j->account},
        {"--qos", j->qos},
        {"--time", j->time},
        {"--keys", j->keys},
        {"--providers", j->providers},
        {"--data", j->data},
    };
    enum cs_err rc = check_counts(j, err);

    for (size_t i = 0; i < sizeof words / sizeof *words && rc == CS_OK; i++)
        rc = check_word(words[i].what, words[i].text, err);
    if (rc == CS_OK)
        rc = check_address("--bind", j->bind, err);
    if (rc == CS_OK)
        rc = check_address("--redis", j->redis, err);
    if (rc == CS_OK && j->redis != NULL && strncmp(j->redis, "tcp://", 6) != 0 && strncmp(j->redis, "unix:", 5) != 0)
        rc = cs_error_set(err, CS_EUSAGE, "--redis %.80s: want tcp://HOST:PORT", j->redis);
    for (unsigned i = 0; i < j->studies.n && rc == CS_OK; i++)
        rc = check_word("STUDY", j->studies.v[i], err);
    if (rc == CS_OK)
        rc = check_lines("--sbatch", &j->sbatch, true, err);
    if (rc == CS_OK)
        rc = check_lines("--coordinator-sbatch", &j->coordinator_sbatch, true, err);
    return rc == CS_OK ? check_lines("--line", &j->lines, false, err) : rc;
}

uint64_t cs_jobs_time_s(const char *time)
{
    unsigned days = 0, a = 0, b = 0, c = 0;
    const char *dash = strchr(time, '-');
    int used = 0, n;

    if (time[0] == '\0' || time[strspn(time, "0123456789:-")] != '\0' || strlen(time) > 20)
        return 0;
    if (dash != NULL && sscanf(time, "%5u-%n", &days, &used) != 1)
        return 0;
    n = sscanf(time + used, "%7u:%7u:%7u", &a, &b, &c);
    if (n < 1)
        return 0;
    if (dash != NULL || n == 3)
        return days * 86400ull + a * 3600ull + b * 60ull + c;
    return a * 60ull + b;
}

/* ---- the scripts ----------------------------------------------------------------------------------- */

static void option(struct cs_buf *b, const char *name, const char *value)
{
    if (value != NULL)
        cs_buf_printf(b, "#SBATCH --%s=%s\n", name, value);
}

static void options(struct cs_buf *b, const struct cs_option_list *l)
{
    for (unsigned i = 0; i < l->n; i++)
        cs_buf_printf(b, "#SBATCH %s\n", l->v[i]);
}

static void head(const struct cs_jobs *j, const char *name, const char *log, struct cs_buf *b)
{
    cs_buf_printf(b, "#SBATCH --job-name=%s\n", name);
    option(b, "partition", j->partition);
    option(b, "account", j->account);
    option(b, "qos", j->qos);
    option(b, "time", j->time);
    cs_buf_printf(b,
                  "#SBATCH --ntasks=1\n"
                  "#SBATCH --requeue\n"
                  "#SBATCH --open-mode=append\n"
                  "#SBATCH --output=%s/logs/%s\n",
                  j->dir, log);
}

static void body(const struct cs_jobs *j, struct cs_buf *b)
{
    cs_buf_printf(b,
                  "set -eu\n"
                  "umask 077\n"
                  "dir=%s bin=%s\n"
                  "export TMPDIR=\"${SLURM_TMPDIR:-${TMPDIR:-/tmp}}\"\n",
                  j->dir, j->bin);
    for (unsigned i = 0; i < j->lines.n; i++)
        cs_buf_printf(b, "%s\n", j->lines.v[i]);
}

/* The studies are given to the coordinator from beside it, and it ends when they are over. What runs beside it ends with it: not every
 * Slurm looks for what a job has left. The address of one before is not removed: it may be another job's, which is at work and has the
 * store, so that this one ends. An address names its term, so a new one always differs. */
static void clerk(const struct cs_jobs *j, struct cs_buf *b)
{
    cs_buf_str(
        b,
        "\nbefore=$(cat \"$dir/address\" 2>/dev/null) || true # not this coordinator's\n"
        "\n# Gives it the studies, and lets the fleet go when they are over.\n"
        "say() { \"$bin/clinsafe\" \"$@\" --coordinator \"file:$dir/address\" --key \"$dir/operator.key\"; }\n"
        "keep_saying() { # 75: not now\n"
        "    local rc=75\n"
        "    while [ $rc -eq 75 ] && kill -0 $$ 2>/dev/null; do rc=0; say \"$@\" || rc=$?; [ $rc -ne 75 ] || sleep 2; done\n"
        "    return $rc\n"
        "}\n"
        "clerk() {\n"
        "    until [ -s \"$dir/address\" ] && [ \"$(cat \"$dir/address\")\" != \"$before\" ]; do\n"
        "        kill -0 $$ 2>/dev/null || return 0\n"
        "        sleep 0.2\n"
        "    done\n"
        "    keep_saying submit");
    for (unsigned i = 0; i < j->studies.n; i++)
        cs_buf_printf(b, " %s", j->studies.v[i]);
    if (j->providers != NULL)
        cs_buf_printf(b, " --providers %s", j->providers);
    if (j->data != NULL)
        cs_buf_printf(b, " --data %s", j->data);
    cs_buf_str(b, " || { touch \"$dir/finished\"; keep_saying drain; return; }\n");
    for (unsigned i = 0; i < j->names.n; i++)
        cs_buf_printf(b, "    keep_saying wait '%s' || true\n", j->names.v[i]);
    cs_buf_str(b, "    touch \"$dir/finished\" # workers that have not begun need not\n"
                  "    keep_saying drain\n"
                  "}\n"
                  "clerk </dev/null &\n");
}

void cs_jobs_coordinator(const struct cs_jobs *j, struct cs_buf *b)
{
    cs_buf_str(
        b,
        "#!/bin/bash\n"
        "# A coordinator of ClinSafe as a job. It may be requeued at any moment, onto any node that sees its store: the file `address`\n"
        "# says where it is. Made by `clinsafe slurm`.\n");
    head(j, "clinsafe-coordinator", "coordinator-%j.log", b);
    cs_buf_str(b, "#SBATCH --cpus-per-task=2\n");
    options(b, &j->sbatch);
    options(b, &j->coordinator_sbatch);
    body(j, b);
    cs_buf_str(
        b,
        "rm -f \"$dir/finished\" # of a coordinator before this one\n"
        "\n# Shortly before its time is over it puts itself into the queue again, for as long once more. $$ is the coordinator, later on.\n"
        "again() {\n"
        "    local end left\n"
        "    until end=$(squeue -h -j \"$SLURM_JOB_ID\" -o %e) && [ -n \"$end\" ]; do kill -0 $$ || return 0; sleep 2; done\n"
        "    end=$(date -d \"$end\" +%s) || return 0 # it has no limit\n"
        "    left=$((end - $(date +%s)))\n"
        "    end=$((left > 240 ? end - 120 : end - left / 2))\n"
        "    while [ \"$(date +%s)\" -lt \"$end\" ]; do kill -0 $$ || return 0; sleep 2; done\n"
        "    scontrol requeue \"$SLURM_JOB_ID\"\n"
        "}\n"
        "again </dev/null >/dev/null 2>&1 &\n");
    if (j->studies.n > 0)
        clerk(j, b);
    cs_buf_printf(b,
                  "\n# The last line: so every signal of Slurm's reaches it.\n"
                  "exec \"$bin/clinsafe-coordinator\" --dir %s --bind 'tcp://%s:*' --pub 'tcp://%s:*' \\\n"
                  "    --admin 'tcp://%s:*' --key \"$dir/coordinator.key\" --allow \"$dir/allowed\" \\\n"
                  "    --address-file \"$dir/address\"",
                  j->store, j->bind, j->bind, j->bind);
    if (j->redis != NULL)
        cs_buf_printf(b, " --redis '%s'", j->redis);
    cs_buf_str(b, "\n");
}

void cs_jobs_workers(const struct cs_jobs *j, struct cs_buf *b)
{
    cs_buf_str(
        b,
        "#!/bin/bash\n"
        "# Workers of ClinSafe as an array of jobs: each leaves before its time is over with every answer delivered, and the next task of\n"
        "# the array takes its place. Made by `clinsafe slurm`.\n");
    head(j, "clinsafe-worker", "worker-%A_%a.log", b);
    cs_buf_printf(b, "#SBATCH --array=0-%llu%%%llu\n#SBATCH --cpus-per-task=1\n", (unsigned long long)j->tasks - 1,
                  (unsigned long long)j->workers);
    options(b, &j->sbatch);
    body(j, b);
    cs_buf_str(b, "[ ! -e \"$dir/finished\" ] || exit 0\n");
    if (j->drain_s > 0)
        cs_buf_printf(b, "drain_s=%llu\n", (unsigned long long)j->drain_s);
    else
        cs_buf_str(
            b,
            "\n# Slurm kills a job KillWait seconds after it has asked it to end: calls in flight have until shortly before.\n"
            "kill_wait=$(scontrol show config | sed -n 's/^KillWait *= *\\([0-9][0-9]*\\) .*/\\1/p') || true\n"
            "kill_wait=${kill_wait:-30}\n"
            "drain_s=$((kill_wait > 6 ? kill_wait - 3 : 3))\n");
    if (j->keys == NULL)
        cs_buf_str(b, "keys=()\n[ ! -e \"$dir/keys.yaml\" ] || keys=(--keys \"$dir/keys.yaml\")\n");
    cs_buf_str(
        b,
        "name=\"${SLURMD_NODENAME:-$(hostname -s)}-$SLURM_ARRAY_JOB_ID.$SLURM_ARRAY_TASK_ID.${SLURM_RESTART_COUNT:-0}\"\n"
        "\n# The last line: so every signal of Slurm's reaches it.\n"
        "exec \"$bin/clinsafe-worker\" --coordinator \"file:$dir/address\" --key \"$dir/worker.key\" \\\n"
        "    --server-key \"$dir/coordinator.pub\" --name \"$name\" --deadline slurm --drain-s \"$drain_s\" \\\n");
    cs_buf_printf(b, "    --slots %llu", (unsigned long long)j->slots);
    if (j->idle_s > 0)
        cs_buf_printf(b, " --idle-exit %llu", (unsigned long long)j->idle_s);
    if (j->redis != NULL)
        cs_buf_printf(b, " --redis '%s'", j->redis);
    if (j->keys != NULL)
        cs_buf_printf(b, " --keys %s\n", j->keys);
    else
        cs_buf_str(b, " \"${keys[@]}\"\n");
}
