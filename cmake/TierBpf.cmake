# tier_add_bpf(NAME): compiles NAME.bpf.c, generates NAME.skel.h with bpftool and offers both as the target bpf_NAME.
# vmlinux.h is a small hand-kept subset (bpf/vmlinux_min.h) with CO-RE relocations, so that no build machine's kernel leaks into the object.
find_program(TIERD_CLANG NAMES clang clang-19 clang-16 clang-14 REQUIRED)
find_program(TIERD_BPFTOOL NAMES bpftool PATHS /usr/sbin /sbin REQUIRED)
find_program(TIERD_LLVM_STRIP NAMES llvm-strip llvm-strip-19 llvm-strip-16 llvm-strip-14)

function(tier_add_bpf name)
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
  set(skeleton ${CMAKE_CURRENT_BINARY_DIR}/${name}.skel.h)
  set(strip_command ${CMAKE_COMMAND} -E true)
  if(TIERD_LLVM_STRIP)
    set(strip_command ${TIERD_LLVM_STRIP} -g ${object})
  endif()
  add_custom_command(
    OUTPUT ${skeleton}
    COMMAND ${TIERD_CLANG} -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -Wall -Wno-missing-declarations
            -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=
            -I${PROJECT_SOURCE_DIR} -I${CMAKE_CURRENT_SOURCE_DIR} -isystem /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
            -c ${CMAKE_CURRENT_SOURCE_DIR}/${name}.bpf.c -o ${object}
    COMMAND ${strip_command}
    COMMAND ${TIERD_BPFTOOL} gen skeleton ${object} name ${name}_bpf > ${skeleton}
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}.bpf.c ${ARGN}
    VERBATIM)
  add_custom_target(bpf_${name}_skeleton DEPENDS ${skeleton})
  add_library(bpf_${name} INTERFACE)
  target_include_directories(bpf_${name} SYSTEM INTERFACE ${CMAKE_CURRENT_BINARY_DIR})
  target_link_libraries(bpf_${name} INTERFACE PkgConfig::LIBBPF)
  add_dependencies(bpf_${name} bpf_${name}_skeleton)
endfunction()
