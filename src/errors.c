/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* errors.c: the texts of base.h's error table. */
#include <hashloom/base.h>

const char *hashloom_strerror(int error)
{
	switch (error) {
#define HL_ERROR_TEXT(name, value, text)                                                           \
	case name:                                                                                 \
		return text;
		HASHLOOM_ERRORS(HL_ERROR_TEXT)
#undef HL_ERROR_TEXT
	default:
		return "unknown error";
	}
}
