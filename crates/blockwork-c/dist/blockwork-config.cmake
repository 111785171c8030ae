# find_package(blockwork) gives the targets blockwork::blockwork, the shared
# library, and blockwork::static.
get_filename_component(_blockwork_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

if(NOT TARGET blockwork::blockwork)
  add_library(blockwork::blockwork SHARED IMPORTED)
  set_target_properties(blockwork::blockwork PROPERTIES
    IMPORTED_LOCATION "${_blockwork_prefix}/lib/libblockwork.so.@VERSION@"
    IMPORTED_SONAME "libblockwork.so.@MAJOR@"
    INTERFACE_INCLUDE_DIRECTORIES "${_blockwork_prefix}/include")
endif()

if(NOT TARGET blockwork::static)
  add_library(blockwork::static STATIC IMPORTED)
  set_target_properties(blockwork::static PROPERTIES
    IMPORTED_LOCATION "${_blockwork_prefix}/lib/libblockwork.a"
    INTERFACE_INCLUDE_DIRECTORIES "${_blockwork_prefix}/include"
    INTERFACE_LINK_LIBRARIES "@PRIVATE@")
endif()

unset(_blockwork_prefix)
