/* Key files: what is written can be read again, by the owner alone; allow-lists as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "protocol/base/alloc.h"
#include "protocol/base/file.h"
#include "protocol/wire/keys.h"

static const char rfc_public[] = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"; /* the example in RFC 26 */
static const char rfc_secret[] = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs";

struct fixture {
    char dir[64], path[96];
    struct cs_error err;
};

static int set_up(void **state)
{
    struct fixture *f = cs_xcalloc(1, sizeof *f);
    snprintf(f->dir, sizeof f->dir, "/tmp/cs-keys-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    *state = f;
    return 0;
}

static const char *in(struct fixture *f, const char *name)
{
    snprintf(f->path, sizeof f->path, "%s/%s", f->dir, name);
    return f->path;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    unlink(in(f, "w1.key"));
    unlink(in(f, "w1.pub"));
    unlink(in(f, "list"));
    assert_int_equal(rmdir(f->dir), 0);
    free(f);
    return 0;
}

static void put(struct fixture *f, const char *name, const char *text, unsigned mode)
{
    assert_int_equal(cs_file_write(in(f, name), text, strlen(text), mode, &f->err), CS_OK);
    assert_int_equal(chmod(f->path, mode), 0);
}

static void test_pair(void **state)
{
    struct cs_keypair a, b;
    char derived[41];
    (void)state;
    assert_int_equal(cs_keys_pair_make(&a, NULL), CS_OK);
    assert_int_equal(cs_keys_pair_make(&b, NULL), CS_OK);
    assert_true(cs_curve_is_key(a.public_key) && cs_curve_is_key(a.secret_key));
    assert_string_not_equal(a.public_key, b.public_key);
    assert_true(cs_curve_public(a.secret_key, derived));
    assert_string_equal(derived, a.public_key);
    assert_true(cs_curve_public(rfc_secret, derived));
    assert_string_equal(derived, rfc_public);
}

static void test_is_key(void **state)
{
    static const char *const bad[] = {
        "",
        "short",
        "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hI",   /* 39 */
        "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hIDx", /* 41 */
        "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hI ",  /* a blank */
        "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{h\"D", /* not of the alphabet */
        "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{h\xc3\xa4",
        "########################################", /* five of them are over 2^32 */
    };
    char derived[41];
    (void)state;
    assert_true(cs_curve_is_key(rfc_public));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (cs_curve_is_key(bad[i]) || cs_curve_public(bad[i], derived))
            fail_msg("'%s' passes for a key", bad[i]);
    }
}

static void test_save_and_load(void **state)
{
    struct fixture *f = *state;
    struct cs_keypair k, back;
    struct stat st;
    char base[96], public[41];
    snprintf(base, sizeof base, "%s/w1", f->dir);
    assert_int_equal(cs_keys_pair_make(&k, NULL), CS_OK);
    assert_int_equal(cs_keys_pair_save(&k, base, "worker one", CS_ALLOWED_WORKER, &f->err), CS_OK);
    assert_int_equal(stat(in(f, "w1.key"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(cs_keys_pair_load(in(f, "w1.key"), &back, &f->err), CS_OK);
    assert_memory_equal(&k, &back, sizeof k);
    assert_int_equal(cs_keys_public_load(in(f, "w1.pub"), public, &f->err), CS_OK);
    assert_string_equal(public, k.public_key);

    struct cs_allowed l; /* .pub files make an allow-list as they are */
    assert_int_equal(cs_allowed_load(in(f, "w1.pub"), &l, &f->err), CS_OK);
    assert_non_null(cs_allowed_find(&l, k.public_key));
    cs_allowed_release(&l);
}

static void test_never_overwrites(void **state)
{
    struct fixture *f = *state;
    struct cs_keypair k, back;
    char base[96];
    snprintf(base, sizeof base, "%s/w1", f->dir);
    assert_int_equal(cs_keys_pair_make(&k, NULL), CS_OK);
    put(f, "w1.pub", "mine\n", 0644);
    assert_int_equal(cs_keys_pair_save(&k, base, "w1", CS_ALLOWED_WORKER, &f->err), CS_EEXIST);
    assert_int_not_equal(access(in(f, "w1.key"), F_OK), 0); /* not half a pair */
    unlink(in(f, "w1.pub"));
    assert_int_equal(cs_keys_pair_save(&k, base, "w1", CS_ALLOWED_WORKER, &f->err), CS_OK);
    struct cs_keypair other;
    assert_int_equal(cs_keys_pair_make(&other, NULL), CS_OK);
    assert_int_equal(cs_keys_pair_save(&other, base, "w1", CS_ALLOWED_WORKER, &f->err), CS_EEXIST);
    assert_int_equal(cs_keys_pair_load(in(f, "w1.key"), &back, &f->err), CS_OK);
    assert_string_equal(back.public_key, k.public_key);
    assert_int_equal(cs_keys_pair_save(&k, base, "two\nlines", CS_ALLOWED_WORKER, &f->err), CS_EINVAL);
}

static void test_mode(void **state)
{
    static const unsigned refused[] = {0644, 0640, 0604, 0660, 0601};
    struct fixture *f = *state;
    struct cs_keypair k;
    char text[200];
    snprintf(text, sizeof text, "public %s\nsecret %s\n", rfc_public, rfc_secret);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        put(f, "w1.key", text, refused[i]);
        assert_int_equal(cs_keys_pair_load(in(f, "w1.key"), &k, &f->err), CS_EDENIED);
        assert_non_null(strstr(f->err.msg, "chmod 600"));
        assert_string_equal(k.secret_key, "");
    }
    put(f, "w1.key", text, 0400);
    assert_int_equal(cs_keys_pair_load(in(f, "w1.key"), &k, &f->err), CS_OK);
    assert_string_equal(k.secret_key, rfc_secret);
    assert_int_equal(cs_keys_pair_load(in(f, "absent"), &k, &f->err), CS_ENOENT);
}

static void test_bad_key_files(void **state)
{
    struct fixture *f = *state;
    struct cs_keypair k, other;
    char text[300];
    assert_int_equal(cs_keys_pair_make(&other, NULL), CS_OK);
    const char *const formats[] = {"", "public %s\n", "secret %s\n", "publicity %s\nsecret %s\n", "%s\n%s\n"};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof text, formats[i], rfc_public, rfc_secret);
#pragma GCC diagnostic pop
        put(f, "w1.key", text, 0600);
        assert_int_equal(cs_keys_pair_load(in(f, "w1.key"), &k, &f->err), CS_EINVAL);
    }
    snprintf(text, sizeof text, "public %s\nsecret %s\n", other.public_key, rfc_secret); /* not a pair */
    put(f, "w1.key", text, 0600);
    assert_int_equal(cs_keys_pair_load(in(f, "w1.key"), &k, &f->err), CS_EINVAL);
    assert_string_equal(k.secret_key, "");
    snprintf(text, sizeof text, "# by hand\r\nsecret %s\r\npublic %s\r\n", rfc_secret, rfc_public);
    put(f, "w1.key", text, 0600);
    assert_int_equal(cs_keys_pair_load(in(f, "w1.key"), &k, &f->err), CS_OK);
}

static void test_public_key(void **state)
{
    struct fixture *f = *state;
    char out[41], text[200];
    assert_int_equal(cs_keys_public_load(rfc_public, out, &f->err), CS_OK); /* the key itself */
    assert_string_equal(out, rfc_public);
    snprintf(text, sizeof text, "\n# the coordinator\n\t%s coordinator of ward 3\n", rfc_public);
    put(f, "w1.pub", text, 0644);
    assert_int_equal(cs_keys_public_load(in(f, "w1.pub"), out, &f->err), CS_OK);
    assert_string_equal(out, rfc_public);
    put(f, "w1.pub", "# nothing\n", 0644);
    assert_int_equal(cs_keys_public_load(in(f, "w1.pub"), out, &f->err), CS_EINVAL);
    assert_int_equal(cs_keys_public_load(in(f, "absent"), out, &f->err), CS_ENOENT);
}

/* A path may look like a key: as long, and of the same characters. */
static void test_a_path_of_forty_characters(void **state)
{
    static const char name[] = "./aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.pub",
                      bare[] = "./aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct fixture *f = *state;
    char out[41], text[200], here[4096];
    assert_int_equal(strlen(name), 40);
    assert_true(cs_curve_is_key(name) && cs_curve_is_key(bare));
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(f->dir), 0);
    assert_int_equal(cs_keys_public_load(name, out, &f->err), CS_ENOENT); /* that is no key's end */
    assert_int_equal(cs_keys_public_load(bare, out, &f->err), CS_OK);
    assert_string_equal(out, bare);
    snprintf(text, sizeof text, "%s role=worker name=w\n", rfc_public);
    for (int i = 0; i < 2; i++) {
        const char *path = i == 0 ? name : bare;
        put(f, path, text, 0644);
        assert_int_equal(cs_keys_public_load(path, out, &f->err), CS_OK);
        assert_string_equal(out, rfc_public);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(chdir(here), 0);
}

static void test_allow_list(void **state)
{
    static const char percent[] = "%ne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hI#"; /* the last that a key can start with */
    struct fixture *f = *state;
    struct cs_allowed l;
    char text[400];
    snprintf(text, sizeof text, "# list\n\n#%s commented out\n%s w1\r\n \t%s w2", rfc_secret, rfc_public, percent);
    put(f, "list", text, 0644);
    assert_int_equal(cs_allowed_load(in(f, "list"), &l, &f->err), CS_OK);
    assert_int_equal(l.n, 2);
    assert_non_null(cs_allowed_find(&l, rfc_public));
    assert_non_null(cs_allowed_find(&l, percent));
    assert_null(cs_allowed_find(&l, rfc_secret));
    assert_null(cs_allowed_find(&l, ""));
    assert_null(cs_allowed_find(&l, "(none)"));
    cs_allowed_release(&l);

    put(f, "list", "", 0644);
    assert_int_equal(cs_allowed_load(in(f, "list"), &l, &f->err), CS_OK);
    assert_null(cs_allowed_find(&l, rfc_public));
    cs_allowed_release(&l);

    snprintf(text, sizeof text, "%s\n\nw1 %s\n", rfc_public, rfc_secret); /* name before key */
    put(f, "list", text, 0644);
    assert_int_equal(cs_allowed_load(in(f, "list"), &l, &f->err), CS_EINVAL);
    assert_non_null(strstr(f->err.msg, "list:3:"));
    assert_int_equal(l.n, 0);
}

/* Many keys: all found, their neighbours not. */
static void test_many(void **state)
{
    struct fixture *f = *state;
    struct cs_allowed l;
    struct cs_keypair k[40];
    char text[40 * 42] = "";
    size_t n = 0;
    for (int i = 0; i < 40; i++) {
        assert_int_equal(cs_keys_pair_make(&k[i], NULL), CS_OK);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s\n", k[i].public_key);
    }
    put(f, "list", text, 0644);
    assert_int_equal(cs_allowed_load(in(f, "list"), &l, &f->err), CS_OK);
    for (int i = 0; i < 40; i++) {
        assert_non_null(cs_allowed_find(&l, k[i].public_key));
        assert_null(cs_allowed_find(&l, k[i].secret_key));
    }
    cs_allowed_release(&l);
}

/* What stands behind a key, in any order; what is wrong is said with its column. */
static void test_roles(void **state)
{
    static const struct {
        const char *rest;
        enum cs_allowed_role role;
        uint32_t sessions;
        const char *name;
    } good[] = {
        {"", CS_ALLOWED_WORKER, 2048, ""},
        {" ward 3", CS_ALLOWED_WORKER, 2048, "ward 3"},
        {" role=operator name=me", CS_ALLOWED_OPERATOR, 2048, "me"},
        {"\tname=Jane Doe sessions=7 role=viewer\r", CS_ALLOWED_VIEWER, 7, "Jane Doe"},
    };
    static const struct {
        const char *rest, *says;
    } bad[] = {
        {" role=root", "list:2:42: \"root\" is no role"}, {" name=x sessions=0", "list:2:49: sessions"},
        {" sessions=4097", "list:2:42: sessions"},        {" sessions=2x", "list:2:42: sessions"},
        {" roles=viewer", "list:2:42: not known here"},   {" a\x1b[31mb", "list:2:42: a name is"},
    };
    struct fixture *f = *state;
    struct cs_allowed l;
    char text[200];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(text, sizeof text, "%s%s\n", rfc_public, good[i].rest);
        put(f, "list", text, 0644);
        assert_int_equal(cs_allowed_load(in(f, "list"), &l, &f->err), CS_OK);
        assert_int_equal(l.keys[0].role, good[i].role);
        assert_int_equal(l.keys[0].sessions, good[i].sessions);
        assert_string_equal(l.keys[0].name, good[i].name);
        cs_allowed_release(&l);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, "# list\n%s%s\n", rfc_public, bad[i].rest);
        put(f, "list", text, 0644);
        assert_int_equal(cs_allowed_load(in(f, "list"), &l, &f->err), CS_EINVAL);
        assert_non_null(strstr(f->err.msg, bad[i].says));
    }
    snprintf(text, sizeof text, "%s role=viewer\n%s role=operator\n", rfc_public, rfc_public); /* which of them? */
    put(f, "list", text, 0644);
    assert_int_equal(cs_allowed_load(in(f, "list"), &l, &f->err), CS_EINVAL);
    assert_non_null(strstr(f->err.msg, "list:2:1:"));
    snprintf(text, sizeof text, "%s a\n%s a\n", rfc_public, rfc_public);
    put(f, "list", text, 0644);
    assert_int_equal(cs_allowed_load(in(f, "list"), &l, &f->err), CS_OK);
    assert_int_equal(l.n, 1);
    cs_allowed_release(&l);
}

/* Its line alone becomes a comment; all else stays as it was. */
static void test_revoke(void **state)
{
    struct fixture *f = *state;
    struct cs_keypair a, b;
    struct cs_allowed_key who;
    struct cs_allowed l;
    char text[300], *after = NULL;
    assert_int_equal(cs_keys_pair_make(&a, NULL), CS_OK);
    assert_int_equal(cs_keys_pair_make(&b, NULL), CS_OK);
    snprintf(text, sizeof text, "# ours\n%s name=a\n  %s role=operator name=b", a.public_key, b.public_key);
    put(f, "list", text, 0644);
    assert_int_equal(cs_allowed_revoke(in(f, "list"), "c", &who, &f->err), CS_ENOENT);
    assert_int_equal(cs_allowed_revoke(in(f, "list"), "b", &who, &f->err), CS_OK);
    assert_int_equal(who.role, CS_ALLOWED_OPERATOR);
    assert_int_equal(cs_allowed_load(in(f, "list"), &l, &f->err), CS_OK);
    assert_null(cs_allowed_find(&l, b.public_key));
    assert_non_null(cs_allowed_find(&l, a.public_key));
    cs_allowed_release(&l);
    assert_int_equal(cs_file_read(in(f, "list"), 4096, &after, NULL, &f->err), CS_OK);
    snprintf(text, sizeof text, "# ours\n%s name=a\n# revoked ", a.public_key);
    assert_int_equal(strncmp(after, text, strlen(text)), 0);
    free(after);
    assert_int_equal(cs_allowed_revoke(in(f, "list"), a.public_key, &who, &f->err), CS_OK);
    assert_string_equal(who.name, "a");

    snprintf(text, sizeof text, "%s name=a\n%s name=a\n", a.public_key, b.public_key);
    put(f, "list", text, 0644);
    assert_int_equal(cs_allowed_revoke(in(f, "list"), "a", &who, &f->err), CS_EINVAL);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_pair),
        CASE(test_is_key),
        CASE(test_save_and_load),
        CASE(test_never_overwrites),
        CASE(test_mode),
        CASE(test_bad_key_files),
        CASE(test_public_key),
        CASE(test_allow_list),
        CASE(test_a_path_of_forty_characters),
        CASE(test_many),
        CASE(test_roles),
        CASE(test_revoke),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
