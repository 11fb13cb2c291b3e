/* SPDX-License-Identifier: Apache-2.0 */
/* credentials.c - files of credentials read, and fetches driven step by step: what is asked, and what comes of each answer. */
#include "auth/credentials.h"

#include "auth/keys.h"
#include "auth/mac.h"
#include "auth/sigv4.h"
#include "base/str.h"
#include "support/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MS INT64_C(1767225600000) /* 2026-01-01 */
#define IAM "http://h/v1/projects/-/serviceAccounts/robot@p.iam:generateAccessToken"
#define USER                                                                                       \
    "{\"type\":\"authorized_user\",\"client_id\":\"me\",\"client_secret\":\"the-clients-secret\"," \
    "\"refresh_token\":\"the-refresh-token\",\"quota_project_id\":\"payer\"}"
#define POOL                                                                                       \
    "{\"type\":\"external_account\",\"audience\":\"//iam.googleapis.com/pool\","                   \
    "\"subject_token_type\":\"urn:ietf:params:oauth:token-type:jwt\","
#define TOKEN "{\"access_token\":\"ya29.t\",\"expires_in\":3599}"
#define IMPERSONATED "{\"accessToken\":\"ya29.i\",\"expireTime\":\"2026-01-01T00:10:00Z\"}"

static void assert_text(struct dgm_str is, const char *wanted)
{
    struct dgm_str w = dgm_str_c(wanted);
    if (!dgm_str_eq(is, w))
        fail_msg("\"%.*s\" is not \"%s\"", (int)is.n, is.n != 0 ? is.p : "", wanted);
}

/* A service account's file: PEM has line ends, which JSON wants escaped. */
static void put_service_account(char *to, size_t size, const char *more)
{
    char pem[1024];
    size_t n = 0;
    for (const char *at = P256_PEM; *at != '\0'; at++) {
        if (*at == '\n')
            pem[n++] = '\\';
        pem[n++] = *at == '\n' ? 'n' : *at;
    }
    snprintf(
        to, size,
        "{\"type\":\"service_account\",\"client_email\":\"robot@p.iam\",\"private_key_id\":\"k\","
        "\"token_uri\":\"https://oauth2.googleapis.com/token\",\"private_key\":\"%.*s\"%s}",
        (int)n, pem, more);
}

/** A fetch, and what it wants next. */
struct run {
    struct auth_credential *c;
    struct auth_fetch *f;
    struct auth_errand e;
    enum dgm_rc rc;
};

static void begin(struct run *r, const char *file, const char *const *environment)
{
    struct auth_trouble trouble = {0};
    *r = (struct run){0};
    if (file == NULL)
        r->c = auth_credential_of_machine(false, &dgm_alloc_libc);
    else if (auth_credential_read(dgm_str_c(file), &dgm_alloc_libc, &r->c, &trouble) != DGM_OK)
        fail_msg("%s", trouble.text);
    const struct auth_fetch_ask ask = {
        .credential = r->c, .environment = environment, .now_ms = NOW_MS, .who = true};
    r->f = auth_fetch_new(&ask, &dgm_alloc_libc);
    assert_non_null(r->f);
    r->rc = auth_fetch_next(r->f, &r->e);
}

static void tell(struct run *r, int status, const char *text)
{
    const struct auth_result result = {
        .status = status, .text = dgm_str_c(text), .why = dgm_str_c(text), .is_googles = true};
    assert_int_equal(r->rc, DGM_NEED);
    auth_fetch_tell(r->f, &result);
    r->rc = auth_fetch_next(r->f, &r->e);
}

static void end(struct run *r)
{
    auth_fetch_free(r->f);
    auth_credential_free(r->c);
}

static const char *said(const struct run *r)
{
    assert_int_equal(r->rc, DGM_E_REFUSED);
    return auth_fetch_trouble(r->f)->text;
}

static void test_a_user(void **state)
{
    struct run r;
    (void)state;
    begin(&r, USER, NULL);
    assert_text(r.e.url, "https://oauth2.googleapis.com/token");
    assert_text(r.e.body, "grant_type=refresh_token&refresh_token=the-refresh-token&client_id=me&"
                          "client_secret=the-clients-secret");
    assert_text(auth_credential_quota_project(r.c), "payer");
    tell(&r, 200, TOKEN);
    assert_text(r.e.url, "https://oauth2.googleapis.com/tokeninfo");
    assert_text(r.e.body, "access_token=ya29.t");
    tell(&r, 200, "{\"email\":\"ada@example.com\"}");
    assert_int_equal(r.rc, DGM_DONE);
    assert_text(auth_fetch_token(r.f).text, "ya29.t");
    assert_text(auth_fetch_token(r.f).who, "ada@example.com");
    assert_int_equal(auth_fetch_token(r.f).ends_ms, NOW_MS + 3599000);
    end(&r);
}

static void test_who_it_is_may_stay_unknown(void **state)
{
    struct run r;
    (void)state;
    begin(&r, USER, NULL);
    tell(&r, 200, TOKEN);
    tell(&r, 0, "connection refused");
    assert_int_equal(r.rc, DGM_DONE);
    assert_null(auth_fetch_token(r.f).who.p);
    end(&r);
}

static void test_a_machine(void **state)
{
    const char *const named[] = {"GCE_METADATA_HOST=10.0.0.1:80", NULL};
    const char *const strange[] = {"GCE_METADATA_IP=a/b", NULL}, *const off[] = {
                                                                     "NO_GCE_CHECK=TRUE", NULL};
    struct run r;
    (void)state;
    begin(&r, NULL, named);
    assert_text(r.e.url, "http://10.0.0.1:80/computeMetadata/v1/instance/service-accounts/default/"
                         "token?scopes=" AUTH_SCOPE);
    assert_true(r.e.direct);
    assert_text(r.e.headers[0].name, "Metadata-Flavor");
    tell(&r, 200, TOKEN);
    tell(&r, 200, "robot@p.iam\n");
    tell(&r, 200, "my-project");
    assert_int_equal(r.rc, DGM_DONE);
    assert_text(auth_fetch_token(r.f).project, "my-project");
    end(&r);
    begin(&r, NULL, NULL);
    assert_text(r.e.url, "http://169.254.169.254/");
    tell(&r, 0, "no route to host");
    assert_non_null(strstr(said(&r), "No credentials were found"));
    end(&r);
    begin(&r, NULL, strange);
    assert_non_null(strstr(said(&r), "GCE_METADATA_HOST"));
    end(&r);
    begin(&r, NULL, off);
    assert_non_null(strstr(said(&r), "NO_GCE_CHECK"));
    end(&r);
}

static void test_a_service_account(void **state)
{
    char file[4096];
    struct run r;
    (void)state;
    put_service_account(file, sizeof file, ",\"project_id\":\"p\"");
    begin(&r, file, NULL);
    assert_true(
        dgm_str_starts(r.e.body, DGM_STR("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type"
                                         "%3Ajwt-bearer&assertion=eyJ")));
    tell(&r, 200, TOKEN);
    assert_int_equal(r.rc, DGM_DONE); /* who it is stands in the file */
    assert_text(auth_fetch_token(r.f).who, "robot@p.iam");
    assert_text(auth_fetch_token(r.f).project, "p");
    end(&r);
    put_service_account(file, sizeof file, ",\"universe_domain\":\"example.cloud\"");
    begin(&r, file, NULL);
    assert_int_equal(r.rc, DGM_DONE);
    assert_text(auth_credential_universe(r.c), "example.cloud");
    assert_int_equal(auth_fetch_token(r.f).ends_ms, NOW_MS + 3600000);
    end(&r);
}

static void test_sts_and_impersonation(void **state)
{
    struct run r;
    (void)state;
    begin(&r,
          POOL "\"token_url\":\"https://sts.googleapis.com/v1/token\",\"client_id\":\"a\","
               "\"client_secret\":\"b\",\"service_account_impersonation_url\":\"" IAM "\","
               "\"service_account_impersonation\":{\"token_lifetime_seconds\":600},"
               "\"credential_source\":{\"file\":\"/run/token\"}}",
          NULL);
    assert_int_equal(r.e.act, AUTH_READ);
    assert_text(r.e.path, "/run/token");
    tell(&r, 200, "the+subject\n");
    assert_text(r.e.url, "https://sts.googleapis.com/v1/token");
    assert_true(dgm_str_find(r.e.body, DGM_STR("&subject_token=the%2Bsubject&")) < r.e.body.n);
    assert_text(r.e.headers[1].value, "Basic YTpi");
    tell(&r, 200, TOKEN);
    assert_text(r.e.url, IAM);
    assert_text(r.e.body,
                "{\"delegates\":[],\"scope\":[\"" AUTH_SCOPE "\"],\"lifetime\":\"600s\"}");
    assert_text(r.e.headers[1].value, "Bearer ya29.t");
    tell(&r, 200, IMPERSONATED);
    assert_int_equal(r.rc, DGM_DONE);
    assert_text(auth_fetch_token(r.f).who, "robot@p.iam");
    assert_int_equal(auth_fetch_token(r.f).ends_ms, NOW_MS + 600000);
    end(&r);
}

static void test_troubles(void **state)
{
    static const struct {
        int status;
        const char *text, *said;
        bool passes;
    } cases[] = {
        {400, "{\"error\":\"invalid_grant\",\"error_description\":\"Bad the-refresh-token.\"}",
         "The token server https://oauth2.googleapis.com/token answered 400 invalid_grant: Bad ***.",
         false},
        {500, "<html>", "answered 500 <html>.", true},
        {400, "{\"error\":\"server_error\"}", "answered 400 server_error.", true},
        {403, "{\"error\":{\"message\":\"No.\",\"status\":\"PERMISSION_DENIED\"}}",
         "answered 403 PERMISSION_DENIED: No.", false},
        {0, "connection refused", "could not be asked: connection refused.", true},
        {200, "{}", "answered without an access token.", false},
        {200, "{\"access_token\":\"a b\"}", "answered without an access token.", false},
        {200, "{\"id_token\":\"x\"}", "an ID token, not an access token", false},
        {200, "hello", "answered 200 without a JSON object.", false},
        {201, "ya29.new", "answered 201 without what was asked for.", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct run r;
        begin(&r, USER, NULL);
        tell(&r, cases[i].status, cases[i].text);
        if (strstr(said(&r), cases[i].said) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", cases[i].said, said(&r));
        assert_int_equal(auth_fetch_trouble(r.f)->passes, cases[i].passes);
        end(&r);
    }
}

/* What came instead of a token's JSON may be the token in another form, which nobody has noted as a secret yet. */
static void test_an_answer_is_not_quoted(void **state)
{
    static const char *const texts[] = {
        "access_token=ya29.new-token&expires_in=3599",
        "[{\"access_token\":\"ya29.new-token\"}]",
        "{\"access_token\":\"ya29.new-token\",\"expires_in\":",
        "{\"error\":\"ya29.new-token\"",
        "ya29.new-token",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct run r;
        begin(&r, USER, NULL);
        tell(&r, 200, texts[i]);
        assert_null(strstr(said(&r), "ya29"));
        assert_non_null(strstr(said(&r), "/token answered 200 without a JSON object."));
        end(&r);
    }
}

static void test_keys_of_aws_are_not_quoted(void **state)
{
    static const char *const keys[] = {
        "[{\"AccessKeyId\":\"AKIA\",\"SecretAccessKey\":\"the-aws-secret\"}]",
        "{\"AccessKeyId\":\"AKIA\",\"SecretAccessKey\":\"the-aws-secret\"",
    };
    const char *const region[] = {"AWS_REGION=us-east-2", NULL};
    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct run r;
        begin(&r,
              POOL
              "\"credential_source\":{\"environment_id\":\"aws1\","
              "\"regional_cred_verification_url\":\"https://sts.{region}.amazonaws.com?Action=x\","
              "\"url\":\"http://169.254.169.254/roles\"}}",
              region);
        tell(&r, 200, "my-role");
        tell(&r, 200, keys[i]);
        assert_null(strstr(said(&r), "the-aws-secret"));
        assert_non_null(strstr(said(&r), "answered 200 without a JSON object."));
        end(&r);
    }
}

/* However much of the answer a secret takes, it is masked before anything is cut. */
static void test_a_long_secret_is_masked(void **state)
{
    enum { BYTES = 1500 };
    char token[BYTES + 1], echo[BYTES + 20];
    struct run r;
    (void)state;
    memset(token, 't', BYTES);
    token[BYTES] = '\0';
    snprintf(echo, sizeof echo, "%s is not known", token);
    begin(&r, POOL "\"credential_source\":{\"file\":\"/token\"}}", NULL);
    tell(&r, 200, token);
    tell(&r, 400, echo);
    assert_null(strstr(said(&r), "tttt"));
    assert_non_null(strstr(said(&r), "answered 400 *** is not known."));
    end(&r);
}

/* Lives that are told as a text, not told, or beyond all reason. */
static void test_lives(void **state)
{
    static const struct {
        const char *member;
        int64_t s;
    } cases[] = {{"\"expires_in\":\"60\"", 60},
                 {"\"x\":1", 3600},
                 {"\"expires_in\":1e9", 86400},
                 {"\"expires_in\":-5", 3600}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200];
        struct run r;
        begin(&r, USER, NULL);
        snprintf(text, sizeof text, "{\"access_token\":\"t\",%s}", cases[i].member);
        tell(&r, 200, text);
        assert_int_equal(auth_fetch_token(r.f).ends_ms, NOW_MS + cases[i].s * 1000);
        end(&r);
    }
}

/* Whatever allocation fails: no memory is lost, and what is told is that. */
static void test_no_memory(void **state)
{
    static const char *const answers[] = {"the-subject", TOKEN, IMPERSONATED};
    (void)state;
    for (size_t k = 1;; k++) {
        struct alloc_fail a;
        struct auth_credential *c = NULL;
        struct auth_trouble trouble;
        struct auth_errand e;
        alloc_fail_init(&a, k);
        enum dgm_rc rc =
            auth_credential_read(DGM_STR(POOL "\"service_account_impersonation_url\":\"" IAM
                                              "\",\"credential_source\":{\"file\":\"/f\"}}"),
                                 &a.alloc, &c, &trouble);
        struct auth_fetch *f = NULL;
        const struct auth_fetch_ask ask = {.credential = c, .now_ms = NOW_MS, .who = true};
        if (rc == DGM_OK && (f = auth_fetch_new(&ask, &a.alloc)) == NULL)
            rc = DGM_E_NOMEM;
        for (size_t i = 0; f != NULL && (rc = auth_fetch_next(f, &e)) == DGM_NEED; i++) {
            const struct auth_result result = {.status = 200, .text = dgm_str_c(answers[i])};
            auth_fetch_tell(f, &result);
        }
        assert_true(alloc_fail_failed(&a) ? rc == DGM_E_NOMEM : rc == DGM_DONE);
        auth_fetch_free(f);
        auth_credential_free(c);
        alloc_fail_done(&a, "credentials");
        if (!alloc_fail_failed(&a))
            return;
    }
}

/* AWS's own example of version 4 (test suite, "post-vanilla", with its keys), but for the headers that are always signed. */
static void test_sigv4(void **state)
{
    char date_room[64], text_room[512];
    struct dgm_buf date = {.p = date_room, .cap = sizeof date_room, .max = sizeof date_room};
    struct dgm_buf text = {.p = text_room, .cap = sizeof text_room, .max = sizeof text_room};
    struct auth_sigv4 r = {.url = DGM_STR("https://example.amazonaws.com/"),
                           .region = DGM_STR("us-east-1"),
                           .key_id = DGM_STR("AKIDEXAMPLE"),
                           .secret = DGM_STR("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
                           .now_s = 1440938160};
    struct dgm_str host;
    (void)state;
    assert_true(auth_sigv4_put(&r, &host, &date, &text));
    assert_text(host, "example.amazonaws.com");
    assert_text(dgm_buf_str(&date), "20150830T123600Z");
    assert_true(dgm_str_starts(dgm_buf_str(&text),
                               DGM_STR("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/"
                                       "example/aws4_request, SignedHeaders=host;x-amz-date, "
                                       "Signature=")));
    r.url = DGM_STR("http://example.amazonaws.com/");
    assert_false(auth_sigv4_put(&r, &host, &date, &text));
    r.url = DGM_STR("https://u@example.amazonaws.com/");
    assert_false(auth_sigv4_put(&r, &host, &date, &text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_user),
        cmocka_unit_test(test_who_it_is_may_stay_unknown),
        cmocka_unit_test(test_a_machine),
        cmocka_unit_test(test_a_service_account),
        cmocka_unit_test(test_sts_and_impersonation),
        cmocka_unit_test(test_troubles),
        cmocka_unit_test(test_an_answer_is_not_quoted),
        cmocka_unit_test(test_keys_of_aws_are_not_quoted),
        cmocka_unit_test(test_a_long_secret_is_masked),
        cmocka_unit_test(test_lives),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_sigv4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
