# Warnings, sanitizers and the compiler cache: one interface target that every library and program of ours links.
set(TIERD_SANITIZE "" CACHE STRING "Comma-separated sanitizers, for example address,undefined or thread")
option(TIERD_FUZZ "Build the libFuzzer programs and everything with their coverage; needs clang++" OFF)
option(TIERD_ASSERTIONS "Keep the standard library's assertions on in optimised builds" OFF)

add_library(tier_options INTERFACE)
target_compile_options(tier_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wconversion -Wsign-conversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC bug 105651: std::string assignments warn of overlaps of 2^63 bytes at -O3; fixed in 13.
  target_compile_options(tier_options INTERFACE -Wno-restrict)
endif()
target_include_directories(tier_options INTERFACE ${PROJECT_SOURCE_DIR})
# A program loads only the libraries that it calls, or a source that is compiled with one of its own.
target_link_options(tier_options INTERFACE -Wl,--as-needed)
if(TIERD_ASSERTIONS)
  target_compile_definitions(tier_options INTERFACE _GLIBCXX_ASSERTIONS)
endif()
# What C needs of these options, too.
add_library(tier_sanitizers INTERFACE)
target_link_libraries(tier_options INTERFACE tier_sanitizers)
if(TIERD_SANITIZE)
  target_compile_options(tier_sanitizers INTERFACE -fsanitize=${TIERD_SANITIZE} -fno-omit-frame-pointer)
  # The sanitizers call dlopen on a program's behalf, and DT_RUNPATH holds for the caller alone; DT_RPATH holds for all.
  target_link_options(tier_sanitizers INTERFACE -fsanitize=${TIERD_SANITIZE} -Wl,--disable-new-dtags)
endif()
if(TIERD_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "TIERD_FUZZ needs clang and clang++ (fix: cmake --preset asan)")
  endif()
  target_compile_options(tier_sanitizers INTERFACE -fsanitize=fuzzer-no-link)
endif()

find_program(TIERD_CCACHE ccache)
if(TIERD_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${TIERD_CCACHE})
  # What ccache's manual asks for where headers are precompiled ("Precompiled headers").
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${TIERD_CCACHE})
endif()

# Other versions warn of other things, and what they do with precompiled headers has not been tried.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION MATCHES "^12\\.")
  set(TIERD_CI_COMPILER ON)  # that of Debian 12, which CI has
endif()
option(TIERD_WERROR "Take warnings for errors, where the compiler is CI's" OFF)
if(TIERD_WERROR AND TIERD_CI_COMPILER)
  set(CMAKE_COMPILE_WARNING_AS_ERROR ON)
endif()

# tier_headers and tier_test_headers: the headers that most sources include, compiled once for all, in presets that are known to work with
# them: at -O1 GCC 12 crashes in "IPA pass cp" where headers are precompiled. No source may rely on them; the release presets compile without.
option(TIERD_PRECOMPILE "Compile the headers that most sources include once for all" OFF)
function(tier_precompile name)
  cmake_parse_arguments(arg "" "" "HEADERS;LIBS;OPTIONS" ${ARGN})
  if(NOT TIERD_PRECOMPILE OR NOT (TIERD_CI_COMPILER OR CMAKE_CXX_COMPILER_ID STREQUAL "Clang"))
    return()
  endif()
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/${name}.cpp CONTENT "")
  add_library(${name} OBJECT ${PROJECT_BINARY_DIR}/${name}.cpp)
  target_link_libraries(${name} PRIVATE tier_options ${arg_LIBS})
  target_compile_options(${name} PRIVATE ${arg_OPTIONS})
  list(TRANSFORM arg_HEADERS REPLACE "(.+)" "<\\1>")
  target_precompile_headers(${name} PRIVATE ${arg_HEADERS})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    target_compile_options(${name} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")  # else no compiler cache knows it again
  endif()
endfunction()
set(TIERD_COMMON_HEADERS algorithm array chrono cmath filesystem functional map memory optional set span string tl/expected.hpp unordered_map vector)
tier_precompile(tier_headers HEADERS ${TIERD_COMMON_HEADERS} LIBS tl::expected)

# The presets compile eight sources of a target at a time (CMAKE_UNITY_BUILD): half the CPU time of a full build. Names in an unnamed namespace are then
# seen by neighbours: ALONE is for targets whose sources each give the same name to something of their own. While you edit: -DCMAKE_UNITY_BUILD=OFF.
# tier_add_library(NAME [ALONE] SOURCES a.cpp … LIBS b …): a static library with our warnings.
function(tier_add_library name)
  cmake_parse_arguments(arg "ALONE" "" "SOURCES;LIBS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  if(arg_ALONE)
    set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)
  endif()
  target_link_libraries(${name} PUBLIC tier_options ${arg_LIBS})
  if(TARGET tier_headers)
    target_precompile_headers(${name} REUSE_FROM tier_headers)
  endif()
endfunction()
