/* Signed notes: the standard's own example, what is changed is found, key files are secrets; HMAC-SHA-256 against RFC 4231. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/base/alloc.h"
#include "protocol/base/digest.h"
#include "protocol/base/sign.h"

/* Of C2SP's signed-note, signed by others. */
static const char example_key[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char example[] =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\xE2\x80\x94 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

static void others_sign_as_we_read(void **state)
{
    struct cs_error err = {0};
    size_t n = 0;
    (void)state;
    assert_int_equal(cs_sign_check(example, example_key, &n, &err), CS_OK);
    assert_int_equal(n, strstr(example, "\n\n") + 1 - example);
    char *changed = cs_xstrdup(example);
    changed[3] = 'Y';
    assert_int_equal(cs_sign_check(changed, example_key, &n, &err), CS_EINVAL);
    assert_non_null(strstr(err.msg, "were changed"));
    free(changed);
}

static void what_we_sign_is_checked_and_a_change_is_found(void **state)
{
    char folder[] = "/tmp/test_sign.XXXXXX", verifier[CS_SIGN_VERIFIER_MAX];
    struct cs_error err = {0};
    struct cs_sign_key k, other = {.name = "somebody"};
    struct stat st;
    size_t n = 0;
    (void)state;
    assert_non_null(mkdtemp(folder));
    char *base = cs_xasprintf("%s/me", folder), *key = cs_xasprintf("%s.key", base),
         *pub = cs_xasprintf("%s.pub", base);
    assert_int_equal(cs_sign_make(base, "me", &err), CS_OK);
    assert_int_equal(stat(key, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(cs_sign_make(base, "me", &err), CS_EEXIST);
    assert_int_equal(cs_sign_load(key, &k, &err), CS_OK);
    cs_sign_verifier(&k, verifier);
    char *note = cs_sign_note(&k, "suite v1\ndigest 00\n");
    assert_int_equal(cs_sign_check(note, verifier, &n, &err), CS_OK);
    assert_int_equal(n, strlen("suite v1\ndigest 00\n"));
    note[n - 2] = '1';
    assert_int_equal(cs_sign_check(note, verifier, &n, &err), CS_EINVAL);
    cs_sign_random(other.seed, sizeof other.seed);
    char *theirs = cs_sign_note(&other, "suite v1\n");
    assert_int_equal(cs_sign_check(theirs, verifier, &n, &err), CS_EINVAL);
    assert_non_null(strstr(err.msg, "not signed by me"));
    assert_int_equal(cs_sign_check("no note\n", verifier, &n, &err), CS_EINVAL);
    assert_int_equal(cs_sign_check(note, "me+00000000+AAAA", &n, &err), CS_EINVAL);
    assert_int_equal(chmod(key, 0644), 0);
    assert_int_equal(cs_sign_load(key, &k, &err), CS_EDENIED);
    assert_int_equal(cs_sign_make(base, "two words", &err), CS_EUSAGE);
    unlink(key);
    unlink(pub);
    rmdir(folder);
    free(note);
    free(theirs);
    free(base);
    free(key);
    free(pub);
}

static void hmac_is_the_standards(void **state)
{
    uint8_t salt[32] = {0}, out[32];
    char hex[65];
    (void)state;
    memset(salt, 0x0b, 20); /* RFC 4231, 4.2: a key of 20 bytes; zeros behind it make no difference */
    cs_sign_hmac(salt, "Hi There", 8, out);
    cs_digest_hex(out, 32, hex);
    assert_string_equal(hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_sign_as_we_read),
        cmocka_unit_test(what_we_sign_is_checked_and_a_change_is_found),
        cmocka_unit_test(hmac_is_the_standards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
