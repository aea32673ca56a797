# cprobe_embed(target namespace name=file ...): embeds files into a target, as functions
# `std::string_view name()` of a namespace. A name without a file becomes an empty text. The
# assembler copies the bytes, so that compiling takes no time.
function(cprobe_embed target namespace)
  string(REPLACE "::" "_" prefix ${namespace})
  set(code "#include <cstddef>\n#include <string_view>\n\nnamespace ${namespace} {\n")
  set(source ${PROJECT_BINARY_DIR}/generated/${prefix}.cc)
  foreach(entry ${ARGN})
    string(REGEX MATCH "^([a-z_]+)=(.*)$" entry ${entry})
    set(name ${CMAKE_MATCH_1})
    set(file "${CMAKE_MATCH_2}")
    if(file STREQUAL "")
      string(APPEND code "std::string_view ${name}() {\n  return {};\n}\n")
      continue()
    endif()
    get_filename_component(file ${file} ABSOLUTE BASE_DIR ${PROJECT_SOURCE_DIR})
    set_property(SOURCE ${source} APPEND PROPERTY OBJECT_DEPENDS ${file})
    set(symbol ${prefix}_${name})
    string(APPEND code "asm(\".section .rodata\\n${symbol}:\\n.incbin \\\"${file}\\\"\\n${symbol}_end:\\n.byte 0\\n.previous\\n\");\n"
                       "extern const char begin_of_${name}[] asm(\"${symbol}\");\n"
                       "extern const char end_of_${name}[] asm(\"${symbol}_end\");\n"
                       "std::string_view ${name}() {\n"
                       "  return {begin_of_${name}, static_cast<size_t>(end_of_${name} - begin_of_${name})};\n}\n")
  endforeach()
  string(APPEND code "}  // namespace ${namespace}\n")
  file(CONFIGURE OUTPUT ${source} CONTENT "${code}" @ONLY)
  # Without link-time optimisation, which does not see the symbols of assembly.
  set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "-fno-lto" SKIP_PRECOMPILE_HEADERS ON)
  target_sources(${target} PRIVATE ${source})
endfunction()
