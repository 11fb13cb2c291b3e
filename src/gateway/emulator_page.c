/* SPDX-License-Identifier: Apache-2.0 */
/* emulator_page.c - GET and DELETE /_dragoman/emulator: what the emulator received. */
#include "gateway/keeper_page.h"
#include "gateway/tally.h"

void gw_emulator_page(struct gw_exchange *x)
{
    struct gw_worker *w = x->worker;
    bool reset = x->head->method == HTTP_METHOD_DELETE;
    if (w->keeper == NULL || !w->config->emulator.read_back) {
        gw_exchange_fail_as(x, DGM_ERR_READ_BACK_OFF);
        return;
    }
    if (reset) { /* the next "429*2" begins anew; requests under way may still count in either */
        gw_tally_reset(w->tally);
        gw_tally_reset(w->script_tally);
    }
    gw_keeper_page(x, reset ? GW_MSG_EMULATOR_RESET : GW_MSG_EMULATOR_READ, DGM_STR(""),
                   gw_keeper_page_answer);
}
