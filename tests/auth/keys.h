/* SPDX-License-Identifier: Apache-2.0 */
/* keys.h - keys that guard nothing, for tests: one that is taken, and some that are not. */
#ifndef TESTS_AUTH_KEYS_H
#define TESTS_AUTH_KEYS_H

/* clang-format off */
#define P256_PEM \
    "-----BEGIN PRIVATE KEY-----\n" \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgI1+2IIaKHMPAZkTg\n" \
    "vinVKeMiZ8SWJVHo4sWaduhb0IyhRANCAAQVSVvSivoANsowYcgVPvC5cHXMWwVT\n" \
    "rOZ/Rw7l7e/o5wP0mXRsJKoXXhDOoS1ntVvSRr7yx0uL2Xs42rSb4YJv\n" \
    "-----END PRIVATE KEY-----\n"

#define P384_PEM \
    "-----BEGIN PRIVATE KEY-----\n" \
    "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDDzo6wUM8OYiqyJtvP3\n" \
    "lRbuni995B+/dFSnt4ICvp7dTVKRTiAe48eennq2mwelNV2hZANiAASxXzcAOhdk\n" \
    "/2iPJt806USFuP9mJd7TI1Uue2O5Advfw14YOx4ugwT9i/cfx5OXIwJ4acyNCUj9\n" \
    "P1X8pfizkEuPxb2ox4KddwUKYBICWnKY8WeHhecmLJsN406ctCC76zY=\n" \
    "-----END PRIVATE KEY-----\n"

#define RSA1024_PEM \
    "-----BEGIN PRIVATE KEY-----\n" \
    "MIICeAIBADANBgkqhkiG9w0BAQEFAASCAmIwggJeAgEAAoGBAM70GPTMK1xTsPbs\n" \
    "O5Iy/NPgRSA4lzvNyyvTZ7AYUqnBZET4xhzwG3O5PDf9suBLL/i3alCa0UI/KSvg\n" \
    "XPf9ElsJBIbvG35R8dEkiF01b9c9ilehA8SR59TU8vb7AW7eIQ7w2XG1D6tfPtFZ\n" \
    "5qZlIarohmkQdL1nBptryx69bS87AgMBAAECgYEAx1/wHv4HE/ZouSmSpmFKo1Af\n" \
    "KFB8mhfDkSAkd0incnUmhS/ppH1I5S7iLcrSpjSpLYJ+ANN1n827e1K2Hg8Hu0Fp\n" \
    "Nunga5ct5S+U8knS1gmgxhnEkjeE8XzzFae5G+ayLR1Po6GO7NKkaENvFV/D4IjX\n" \
    "oCCP2YIPHdaAxHceKOkCQQD4VJ3DOxHKZFo37I9/pDKKw5UeHGuhkPJ3kQUgqI/v\n" \
    "RFFNNo3bJBU+0xGwIKeNulwMHewZG7xJ12sV4QljKTsdAkEA1VhXOA0ufZSGvEz5\n" \
    "HMBTyyVQ4HudYaFigle6gu3n7mEjixo6OzKgeMy5h3L+NaIXbTVC8nU0TwaiZjIM\n" \
    "yiKsNwJBAMqE/3BDURv0wVrQUqru9sUSAh9fYCuQMR1vqHXc4h1oYsGMlx27jJQC\n" \
    "wG8aAmtkK0M6d9x2MRUrWEqsjuJOssUCQQCGdwlx4Iz+xZAuOm2AO5AUp85TzlWh\n" \
    "ZTBLarO5Ne1Kh5r5X2x4Ry5xNMdyoX2rnCAbysgJPOndLRdKRh1dgYD9AkAkkEjK\n" \
    "MLyWQQVaEQcbx2kIn0eyjOyCZI1g+E1RFsNFSgQwJ0zwVNE6YLsUc0knvTrg7A3F\n" \
    "QqrJuHcPqZLpP56m\n" \
    "-----END PRIVATE KEY-----\n"

#define ED25519_PEM \
    "-----BEGIN PRIVATE KEY-----\n" \
    "MC4CAQAwBQYDK2VwBCIEIDUq7x1pxMWGZSd1gmep4g45yJTiXobKsffZscG7PcEu\n" \
    "-----END PRIVATE KEY-----\n"

#define LOCKED_PEM \
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n" \
    "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiCRJReLgd94gICCAAw\n" \
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEEKdL5u2serrFZLr888vcGkEgZBI\n" \
    "exTffaKGpFWSwnkWJvF/L26AXLYo4dXX9uti+m2Hnw9jOzykGAh+d5ea8xIBpQJm\n" \
    "pyISDLa8scckZ6DGVSHKBzHFyfyqpDpjFTKiZBw32O5f26SFFKiCjPzF/4/2bw19\n" \
    "opnVAj1C4nalHE8yNSR+bhaE9R/1IssC8T5sDx4qWhwQ5bl2c2dvVFeplZ9IxQE=\n" \
    "-----END ENCRYPTED PRIVATE KEY-----\n"

/* clang-format on */
#endif
