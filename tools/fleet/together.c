#include "tools/fleet/together.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/json.h"
#include "tools/fleet/fleet_status.h"

enum { ASK_MS = 10000 };

/* The simulator reads a file once: studies in one folder have it in common. */
static void name_truths_once(struct cs_account *accounts, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < i && accounts[i].truth != NULL; k++) {
            if (accounts[k].truth != NULL && strcmp(accounts[k].truth, accounts[i].truth) == 0)
                accounts[i].truth = NULL;
        }
    }
}

void cs_together_make(struct cs_together *t, const struct cs_study *const *studies, uint32_t n)
{
    struct cs_account *accounts;
    struct cs_model *models;
    uint32_t n_accounts = 0, n_models = 0;
    for (uint32_t i = 0; i < n; i++) {
        n_accounts += studies[i]->n_accounts;
        n_models += studies[i]->n_models;
    }
    accounts = cs_xcalloc(n_accounts + 1u, sizeof *accounts);
    models = cs_xcalloc(n_models + 1u, sizeof *models);
    t->study = (struct cs_study){.name = studies[0]->name, .accounts = accounts, .models = models};
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t first = t->study.n_accounts;
        for (uint32_t k = 0; k < studies[i]->n_accounts; k++)
            accounts[t->study.n_accounts++] = studies[i]->accounts[k];
        for (uint32_t k = 0; k < studies[i]->n_models; k++) {
            models[t->study.n_models] = studies[i]->models[k];
            models[t->study.n_models++].account += first;
        }
    }
    name_truths_once(accounts, n_accounts);
}

void cs_together_release(struct cs_together *t)
{
    free((void *)(uintptr_t)t->study.accounts);
    free((void *)(uintptr_t)t->study.models);
    *t = (struct cs_together){0};
}

static bool is_among(const char *name, const struct cs_study *const *studies, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(studies[i]->name, name) == 0)
            return true;
    }
    return false;
}

enum cs_err cs_together_check(struct cs_admin_client *a, const struct cs_study *const *studies, uint32_t n,
                              struct cs_error *err)
{
    const char *reply = NULL;
    struct cs_json *all = NULL, *one;
    size_t i;
    enum cs_err rc = cs_admin_client_ask(a, "list", NULL, NULL, 0, ASK_MS, &reply, err);
    if (rc == CS_OK && (all = cs_json_loads(reply, 0, NULL)) == NULL)
        rc = cs_error_set(err, CS_EPROTO, "the coordinator's answer is not JSON");
    cs_json_array_foreach(all, i, one)
    {
        const char *name = cs_fleet_status_text(one, "study");
        if (rc != CS_OK || is_among(name, studies, n))
            continue;
        if (n > 1)
            rc = cs_error_set(err, CS_EINVAL,
                              "this store holds the study \"%s\" too, and none of these files is it; name its file as "
                              "well, or use another --dir",
                              name);
        else if (cs_json_array_size(all) > 1 && strcmp(cs_fleet_status_text(one, "state"), "finished") != 0)
            rc = cs_error_set(
                err, CS_EINVAL,
                "this store holds the study \"%s\" too, which is not over and would be asked as well; run "
                "the files together as before",
                name);
    }
    cs_json_decref(all);
    return rc;
}
