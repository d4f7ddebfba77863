# Warnings, sanitizers and the compiler cache: one interface target that every library and program of ours links.
set(TIERD_SANITIZE "" CACHE STRING "Comma-separated sanitizers, for example address,undefined or thread")
option(TIERD_FUZZ "Build the libFuzzer programs and everything with their coverage; needs clang++" OFF)
option(TIERD_ASSERTIONS "Keep the standard library's assertions on in optimised builds" OFF)

add_library(tier_options INTERFACE)
target_compile_options(tier_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC bug 105651: std::string assignments warn of overlaps of 2^63 bytes at -O3; fixed in 13.
  target_compile_options(tier_options INTERFACE -Wno-restrict)
endif()
target_include_directories(tier_options INTERFACE ${PROJECT_SOURCE_DIR})
if(TIERD_ASSERTIONS)
  target_compile_definitions(tier_options INTERFACE _GLIBCXX_ASSERTIONS)
endif()
if(TIERD_SANITIZE)
  target_compile_options(tier_options INTERFACE -fsanitize=${TIERD_SANITIZE} -fno-omit-frame-pointer)
  # The sanitizers call dlopen on a program's behalf, and DT_RUNPATH holds for the caller alone; DT_RPATH holds for all.
  target_link_options(tier_options INTERFACE -fsanitize=${TIERD_SANITIZE} -Wl,--disable-new-dtags)
endif()
if(TIERD_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "TIERD_FUZZ needs clang++ (fix: cmake --preset fuzz)")
  endif()
  target_compile_options(tier_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

find_program(TIERD_CCACHE ccache)
if(TIERD_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${TIERD_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${TIERD_CCACHE})
endif()

# tier_add_library(NAME SOURCES a.cpp … LIBS b …): a static library with our warnings.
function(tier_add_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC tier_options ${arg_LIBS})
endfunction()
