(function_definition name: (_) @name) @function

((program (declaration_command . "readonly" (variable_assignment name: (variable_name) @name)
  @constant)))
((program (declaration_command
  .
  ["declare" "typeset"]
  (word) @_flags
  (variable_assignment name: (variable_name) @name) @constant))
  (#match? @_flags "^-[a-zA-Z]*r"))
