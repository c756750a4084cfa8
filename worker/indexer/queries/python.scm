(class_definition name: (identifier) @name) @class
(function_definition name: (identifier) @name) @function
(type_alias_statement left: (type (identifier) @name)) @type
(type_alias_statement left: (type (generic_type . (identifier) @name))) @type

; Top level names in capitals are constants, by convention.
((module (expression_statement (assignment left: (identifier) @name) @constant))
  (#match? @name "^_*[A-Z][A-Z0-9_]*$"))
((module (expression_statement (assignment left: (pattern_list (identifier) @name)) @constant))
  (#match? @name "^_*[A-Z][A-Z0-9_]*$"))
