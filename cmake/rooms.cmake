# What nearly every file includes, parsed once: files compile in about three quarters of the time.
set(NEPH_COMMON_HEADERS
    <algorithm> <array> <atomic> <charconv> <chrono> <filesystem> <functional> <map> <memory>
    <mutex> <optional> <set> <sstream> <string> <string_view> <variant> <vector>
    <fmt/format.h> <tl/expected.hpp>)
function(neph_precompiled name)
  cmake_parse_arguments(PRECOMPILED "" "" "HEADERS;LIBS;OPTIONS" ${ARGN})
  file(WRITE ${CMAKE_BINARY_DIR}/${name}.cpp "")
  add_library(${name} STATIC ${CMAKE_BINARY_DIR}/${name}.cpp)
  target_link_libraries(${name} PUBLIC fmt::fmt spdlog::spdlog tl::expected Threads::Threads
                        ${PRECOMPILED_LIBS})
  target_compile_options(${name} PRIVATE ${PRECOMPILED_OPTIONS})
  target_precompile_headers(${name} PRIVATE ${NEPH_COMMON_HEADERS} ${PRECOMPILED_HEADERS})
endfunction()
neph_precompiled(neph_headers)

# neph_room(NAME DEPENDS room... LIBS target... WITHOUT file...)
# One folder is one static library neph_NAME. It may depend only on rooms configured before it,
# so a cycle does not configure; tests/tidy checks that includes keep to DEPENDS.
function(neph_room name)
  cmake_parse_arguments(ROOM "" "" "DEPENDS;LIBS;WITHOUT" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp
       ${CMAKE_CURRENT_SOURCE_DIR}/internal/*.cpp ${CMAKE_CURRENT_SOURCE_DIR}/methods/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  foreach(file ${ROOM_WITHOUT})
    list(REMOVE_ITEM sources ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  endforeach()
  # These repeat names (id, vm ...), one file for some kinds of objects.
  set(alike ${sources})
  list(FILTER alike INCLUDE REGEX "/columns_")
  set_source_files_properties(${alike} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  if(sources)
    add_library(neph_${name} STATIC ${sources})
    target_precompile_headers(neph_${name} REUSE_FROM neph_headers)
    set(scope PUBLIC)
  else()
    add_library(neph_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  foreach(dependency ${ROOM_DEPENDS})
    if(NOT TARGET neph_${dependency})
      message(FATAL_ERROR "room ${name} depends on ${dependency}, which does not stand below it")
    endif()
    target_link_libraries(neph_${name} ${scope} neph_${dependency})
  endforeach()
  target_link_libraries(neph_${name} ${scope} ${ROOM_LIBS})
endfunction()

neph_precompiled(neph_test_headers HEADERS <gtest/gtest.h> LIBS GTest::gtest GTest::gmock
                 OPTIONS -O0)

# neph_test(NAME [BUSY] [SOURCES file...] LIBS target...): one GoogleTest program. Without SOURCES
# it takes every .cpp file of the folder tests/<NAME with / for the first _>. One that is BUSY is
# optimised: otherwise the linker also takes its slow std::string and std::map for all rooms.
function(neph_test name)
  cmake_parse_arguments(TEST "BUSY" "FOLDER" "SOURCES;LIBS" ${ARGN})
  if(TEST_FOLDER)
    file(GLOB found CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${TEST_FOLDER}/*.cpp)
    list(APPEND TEST_SOURCES ${found})
  endif()
  if(NOT TEST_SOURCES)
    return()
  endif()
  foreach(library ${TEST_LIBS})
    if(library MATCHES "^neph_" AND NOT TARGET ${library})
      return()
    endif()
  endforeach()
  add_executable(${name} ${TEST_SOURCES})
  if(TEST_BUSY)
    target_precompile_headers(${name} REUSE_FROM neph_headers)
  else()
    target_compile_options(${name} PRIVATE -O0)
    target_precompile_headers(${name} REUSE_FROM neph_test_headers)
  endif()
  target_link_libraries(${name} PRIVATE ${TEST_LIBS} GTest::gtest GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
endfunction()
