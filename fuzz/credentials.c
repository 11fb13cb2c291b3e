/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credentials.c - any text as a file of credentials: it is refused with a sentence, or a fetch with it wants nothing but
 * requests and files, ends, and says nothing of a refresh token.
 *
 * The file's text, and behind each 0xff an answer: a byte for the status, then its text.
 */
#include "fetching.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What stands in quotes behind a name, as far as it is plain. */
static struct dgm_str find_secret(struct dgm_str text)
{
    const struct dgm_str before = DGM_STR("\"refresh_token\":\"");
    struct dgm_str rest = dgm_str_skip(text, dgm_str_find(text, before) + before.n);
    struct dgm_str found = dgm_str_head(rest, dgm_str_find_char(rest, '"'));
    return dgm_str_find_char(found, '\\') == found.n && dgm_str_find(text, found) > 8
               ? found
               : (struct dgm_str){0};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct dgm_str rest = {n != 0 ? (const char *)data : "", n}, text = fetch_part(&rest);
    struct auth_credential *c = NULL;
    struct auth_trouble trouble;
    enum dgm_rc rc = auth_credential_read(text, &dgm_alloc_libc, &c, &trouble);
    PROPERTY(rc == DGM_OK || rc == DGM_E_REFUSED || rc == DGM_E_NOMEM);
    if (rc == DGM_E_REFUSED)
        fetch_check_trouble(&trouble, (struct dgm_str){0});
    if (rc != DGM_OK)
        return 0;
    PROPERTY(auth_credential_universe(c).n != 0 && auth_credential_kind(c) < AUTH_MACHINE);
    /* An answer that is the secret's own text, but shorter or longer, may be told. */
    fetch_run(c, rest, rest.n == 0 ? find_secret(text) : (struct dgm_str){0});
    auth_credential_free(c);
    return 0;
}
