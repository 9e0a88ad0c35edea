# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors

# The manual is made of the comments in the headers. Its date is the build's; SOURCE_DATE_EPOCH sets it.
file(GLOB man_headers CONFIGURE_DEPENDS
	${PROJECT_SOURCE_DIR}/include/hashloom.h
	${PROJECT_SOURCE_DIR}/include/hashloom/*.h)
set(man_script ${PROJECT_SOURCE_DIR}/scripts/make-man.sh)
set(man_dir ${PROJECT_BINARY_DIR}/man)
string(TIMESTAMP man_date "%Y-%m-%d" UTC)

add_custom_command(OUTPUT ${man_dir}.stamp
	COMMAND ${man_script} ${man_dir} ${PROJECT_VERSION} ${man_date}
	COMMAND ${CMAKE_COMMAND} -E touch ${man_dir}.stamp
	DEPENDS ${man_script} ${man_headers}
	COMMENT "Making the manual"
	VERBATIM)
add_custom_target(hashloom_man ALL DEPENDS ${man_dir}.stamp)
install(DIRECTORY ${man_dir}/ DESTINATION ${CMAKE_INSTALL_MANDIR})
