/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_answer.c - any answers of token servers, STS, impersonation, AWS and metadata servers to credentials that are sound: a
 * token that can stand in a header, or a sentence in which no secret stands that was sent.
 *
 * The first byte chooses the credentials; then answers, each ended by 0xff: a byte for the status, and its text.
 */
#include "fetching.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define SECRET "a-secret-that-nobody-may-read"
#define IAM "\"http://h/v1/projects/-/serviceAccounts/a@b.c:generateAccessToken\""
#define POOL                                                                                       \
    "{\"type\":\"external_account\",\"audience\":\"//iam.googleapis.com/p\",\"token_url\":"        \
    "\"http://h/v1/token\",\"subject_token_type\":\"urn:ietf:params:oauth:token-type:jwt\","
#define USER                                                                                       \
    "{\"type\":\"authorized_user\",\"client_id\":\"me\",\"client_secret\":\"" SECRET               \
    "\",\"refresh_token\":\"" SECRET "\",\"token_uri\":\"http://h/token\"}"

static const char *const files[] = {
    USER,
    "{\"type\":\"impersonated_service_account\",\"service_account_impersonation_url\":" IAM
    ",\"source_credentials\":" USER "}",
    POOL "\"credential_source\":{\"file\":\"/f\"}}",
    POOL "\"credential_source\":{\"url\":\"http://h/u\",\"headers\":{\"Secret\":\"" SECRET
         "\"},\"format\":{\"type\":\"json\",\"subject_token_field_name\":\"v\"}},"
         "\"service_account_impersonation_url\":" IAM "}",
    POOL "\"credential_source\":{\"environment_id\":\"aws1\",\"regional_cred_verification_url\":"
         "\"https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15\","
         "\"region_url\":\"http://h/r\",\"url\":\"http://h/k\",\"imdsv2_session_token_url\":"
         "\"http://h/s\"}}",
    POOL "\"credential_source\":{\"executable\":{\"command\":\"c\",\"output_file\":\"/o\"}},"
         "\"client_id\":\"me\",\"client_secret\":\"" SECRET "\"}",
    NULL, /* the machine's */
};
#define FILES (sizeof files / sizeof *files)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct auth_credential *c = NULL;
    struct auth_trouble trouble;
    struct dgm_str rest = {n != 0 ? (const char *)data : "", n};
    const char *file = files[n != 0 ? data[0] % FILES : 0];
    if (file == NULL)
        c = auth_credential_of_machine((data[0] & 128) != 0, &dgm_alloc_libc);
    else
        PROPERTY(auth_credential_read(dgm_str_c(file), &dgm_alloc_libc, &c, &trouble) == DGM_OK);
    PROPERTY(c != NULL);
    bool has_one = dgm_str_find(dgm_str_c(file), DGM_STR(SECRET)) < dgm_str_c(file).n;
    fetch_run(c, dgm_str_skip(rest, 1), has_one ? DGM_STR(SECRET) : (struct dgm_str){0});
    auth_credential_free(c);
    return 0;
}
