# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/hashloom)

install(TARGETS hashloom_static hashloom_shared hashloom_io_static hashloom_io_shared EXPORT hashloomTargets)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ TYPE INCLUDE FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE TYPE DOC)
if(HASHLOOM_PROGRAM)
	install(TARGETS hashloom_program)
endif()

# pkg-config: the paths are relative to the file, so that the installed tree can be moved
file(RELATIVE_PATH pc_prefix
	${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
foreach(name hashloom hashloom_io libminiasync)
	configure_file(${CMAKE_CURRENT_LIST_DIR}/${name}.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
	install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

# CMake: find_package(hashloom) gives hashloom::hashloom and hashloom::hashloom_static
write_basic_package_version_file(${PROJECT_BINARY_DIR}/hashloomConfigVersion.cmake
	COMPATIBILITY SameMinorVersion)
install(EXPORT hashloomTargets NAMESPACE hashloom:: DESTINATION ${package_dir})
install(FILES
	${CMAKE_CURRENT_LIST_DIR}/hashloomConfig.cmake
	${PROJECT_BINARY_DIR}/hashloomConfigVersion.cmake
	DESTINATION ${package_dir})
