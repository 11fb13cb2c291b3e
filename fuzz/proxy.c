/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy.c - fuzzes net/proxy: an answer to CONNECT reads the same whole and cut anywhere, an address never gives away
 * its password, and exceptions are a matter of their entries alone.
 *
 * The input's first byte chooses which of them; exceptions are "HOST LIST".
 */
#include "net/proxy.h"

#include "base/str.h"
#include "property.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is not "more" stays so, whatever comes behind it. */
static void read_answer(struct dgm_str all)
{
    int status = -1;
    size_t n = 0;
    enum dgm_rc whole = net_proxy_answer(all, &status, &n);
    PROPERTY((whole == DGM_OK) == (status != -1));
    PROPERTY(whole != DGM_OK ||
             (status >= 100 && status <= 999 && n <= all.n && n >= 4 && n <= NET_PROXY_HEAD_MAX));
    enum dgm_rc rc = DGM_MORE;
    for (size_t cut = 0; cut <= all.n && rc == DGM_MORE; cut++) {
        int cut_status = -1;
        size_t cut_n = 0;
        rc = net_proxy_answer(dgm_str_head(all, cut), &cut_status, &cut_n);
        PROPERTY(rc != DGM_OK || (whole == DGM_OK && cut_status == status && cut_n == n));
        PROPERTY(rc == DGM_MORE || rc == whole);
    }
    PROPERTY(rc == whole);
}

static void read_address(struct dgm_str url)
{
    struct net_proxy p = {.port = 0};
    const char *why = net_proxy_read(url, &p);
    struct dgm_buf out;
    if (why != NULL) {
        PROPERTY(p.port == 0 && p.host.p == NULL);
        return;
    }
    PROPERTY(p.port != 0 && p.host.n != 0);
    dgm_buf_init(&out, &dgm_alloc_libc, 8192);
    net_proxy_put_connect(&p, DGM_STR("h.example"), 443, &out);
    PROPERTY(out.rc == DGM_OK);
    /* However it is written, it is one line: nothing of it ends the head early. */
    struct dgm_str head = dgm_buf_str(&out), end = DGM_STR("\r\n\r\n");
    PROPERTY(dgm_str_find(head, end) == head.n - end.n);
    dgm_buf_dispose(&out);
}

static void read_exceptions(struct dgm_str text)
{
    size_t blank = dgm_str_find_char(text, ' ');
    struct dgm_str host = dgm_str_head(text, blank), list = dgm_str_skip(text, blank + 1), entry;
    bool any = net_proxy_excepts(DGM_STR(""), host, 443), all = net_proxy_excepts(list, host, 443);
    struct dgm_str rest = list;
    while (dgm_str_split(&rest, ',', &entry))
        any |= net_proxy_excepts(entry, host, 443);
    PROPERTY(any == all);
    PROPERTY(net_proxy_excepts(DGM_STR("*"), host, 443));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 2 * NET_PROXY_HEAD_MAX)
        return 0;
    struct dgm_str text = {(const char *)data + 1, size - 1};
    switch (data[0] % 3) {
    case 0:
        if (text.n <= 2000) /* every cut of it is read */
            read_answer(text);
        return 0;
    case 1:
        read_address(text);
        return 0;
    default:
        read_exceptions(text);
        return 0;
    }
}
