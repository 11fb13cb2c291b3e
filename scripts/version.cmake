# SPDX-License-Identifier: Apache-2.0
# Writes gen/version.h with the commit being built. Without git or a checkout the commit is "unknown".
cmake_minimum_required(VERSION 3.25)

execute_process(COMMAND git describe --always --dirty --abbrev=12 --exclude=*
                WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT commit)
    set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${HEADER} CONTENT "/* Made by scripts/version.cmake. */\n#define DGM_COMMIT \"@commit@\"\n" @ONLY)
