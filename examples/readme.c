/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
#include <stdio.h>
#include <hashloom.h>

int main(void)
{
	struct runtime *runtime = runtime_new();
	struct data_mover_threads *mover = data_mover_threads_default();
	struct async_hash_map *map = async_hash_map_new(1000);
	char text[16] = "";

	if (!runtime || !mover || !map)
		return 1;
	struct vdm *vdm = data_mover_threads_get_vdm(mover);
	struct async_hash_map_put_fut put = async_hash_map_put(map, vdm, 42, "forty-two", 10);
	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&put));
	struct async_hash_map_get_copy_fut get = async_hash_map_get_copy(map, vdm, 42, text, 16);
	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&get));
	printf("%s: %s\n", async_hash_map_status_text(FUTURE_OUTPUT(&get)->status), text);
	async_hash_map_delete(map);
	data_mover_threads_delete(mover);
	runtime_delete(runtime);
}
