/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* map_hash.h: the hash of all maps that let choose: Hashloom's own, one wide multiplication, folded. */
#ifndef BENCH_MAP_HASH_H
#define BENCH_MAP_HASH_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t map_hash(uint64_t key)
{
	__extension__ typedef unsigned __int128 wide;
	const wide product = (wide)(key ^ UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xd6e8feb86659fd93);

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

#ifdef __cplusplus
struct map_hasher {
	std::size_t operator()(uint64_t key) const
	{
		return map_hash(key);
	}
};
#endif

#endif
