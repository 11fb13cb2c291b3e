/* SPDX-License-Identifier: Apache-2.0 */
/* config_source.h - configurations for tests: a file's text, a small environment, what a refusal says. */
#ifndef SUPPORT_CONFIG_SOURCE_H
#define SUPPORT_CONFIG_SOURCE_H

#include "gateway/config.h"

/** A source of this file (NULL: none), four CPUs, and an environment with GEMINI_API_KEY, PORT and others. */
struct gw_config_source config_source(const char *yaml);

/** Fails the test unless the source is refused; else `to` is what gw_problems_put puts for a file named "f". */
void config_refused(const struct gw_config_source *, char *to, size_t size);

#endif
