# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# Debian's compilers for other machines (gcc-TRIPLET, g++-TRIPLET) and for musl, and what runs their programs here:
# cmake --toolchain cmake/toolchains/debian-cross.cmake -DHASHLOOM_TRIPLET=aarch64-linux-gnu
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES HASHLOOM_TRIPLET)
set(CMAKE_SYSTEM_NAME Linux)
string(REGEX MATCH "^[^-]+" CMAKE_SYSTEM_PROCESSOR "${HASHLOOM_TRIPLET}")
set(CMAKE_C_COMPILER ${HASHLOOM_TRIPLET}-gcc)
set(CMAKE_CXX_COMPILER ${HASHLOOM_TRIPLET}-g++)
set(root /usr/${HASHLOOM_TRIPLET})

if(HASHLOOM_TRIPLET MATCHES "-musl$")
	set(CMAKE_CXX_COMPILER NOTFOUND) # Debian has no C++ library for musl
elseif(CMAKE_SYSTEM_PROCESSOR STREQUAL "i686" AND CMAKE_HOST_SYSTEM_PROCESSOR STREQUAL "x86_64")
	set(CMAKE_CROSSCOMPILING_EMULATOR ${root}/lib/ld-linux.so.2 --library-path ${root}/lib)
else()
	string(REPLACE "powerpc" "ppc" qemu "qemu-${CMAKE_SYSTEM_PROCESSOR}")
	string(REPLACE "i686" "i386" qemu "${qemu}")
	set(CMAKE_CROSSCOMPILING_EMULATOR ${qemu} -L ${root})
	if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
		# QEMU 7.2 says that it has DC CVAP and then takes it for an illegal instruction; this core has none
		list(APPEND CMAKE_CROSSCOMPILING_EMULATOR -cpu cortex-a72)
	endif()
endif()
