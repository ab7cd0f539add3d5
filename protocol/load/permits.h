/* permits.h - which of a worker's secrets may go to which host: its own keys.yaml. A study that came over the network cannot name others.
 *
 *     api.openai.com: {env: OPENAI_API_KEY}              # the environment variable, or systemd credential, of that name
 *     api.anthropic.com: {credential: anthropic}         # the systemd credential alone
 *     llm.hospital.example:8443: [{file: /etc/clinsafe/llm.key}, {env: LLM_KEY}]
 *     localhost:8000: none                               # is called without a key
 *     10.1.2.3:8000: {file: /etc/clinsafe/vllm.key, insecure_network: yes}    # plain http, read by whoever is in between
 *
 * A host stands with its port where that is not the one of its scheme. With this file a worker calls the hosts in it and no others, each
 * with a secret in its entry and no other; no proxy is taken from a study. A worker of one's own machine needs none: there providers.yaml,
 * which its user wrote, is the permission.
 * Thread: any, once loaded. Ownership: the caller's, cs_permits_free.
 */
#ifndef CS_PERMITS_H
#define CS_PERMITS_H

#include "protocol/base/error.h"
#include "protocol/study/study.h"

struct cs_permits;

/* file NULL: a worker of a cluster without one, which sends no secret anywhere. CS_EINVAL: "FILE:LINE:COLUMN: ...". */
CS_WARN_UNUSED enum cs_err cs_permits_load(const char *file, struct cs_permits **out, struct cs_error *err);
void cs_permits_free(struct cs_permits *p);

/* Whether calls of the account may be made. NULL permits everything. CS_EDENIED: the sentence has the line to write. */
CS_WARN_UNUSED enum cs_err cs_permits_check(const struct cs_permits *p, const struct cs_account *a,
                                            struct cs_error *err);

#endif
