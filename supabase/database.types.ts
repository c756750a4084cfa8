
export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[]

export type Database = {
  
  "public": {
          Tables: {
            "index_job_events": {
                  Row: {
                    "at": string,"attempt": number,"detail": NonNullable<Json>,"event_no": number,"from_status": Database["public"]['Enums']["job_status"] | null,"job_id": string,"to_status": Database["public"]['Enums']["job_status"],"version": number,"worker_id": string | null
                  }
                  ComputedFields: never
                  Insert: {
                    "at": string,"attempt": number,"detail"?: NonNullable<Json>,"event_no": number,"from_status"?: Database["public"]['Enums']["job_status"] | null,"job_id": string,"to_status": Database["public"]['Enums']["job_status"],"version": number,"worker_id"?: string | null
                  }
                  Update: {
                    "at"?: string,"attempt"?: number,"detail"?: NonNullable<Json>,"event_no"?: number,"from_status"?: Database["public"]['Enums']["job_status"] | null,"job_id"?: string,"to_status"?: Database["public"]['Enums']["job_status"],"version"?: number,"worker_id"?: string | null
                  }
                  Relationships: [
                    {
      foreignKeyName: "index_job_events_job_id_fkey"
      columns: ["job_id"]
isOneToOne: false
      referencedRelation: "index_jobs"
      referencedColumns: ["id"]
    }
                  ]
                },"index_jobs": {
                  Row: {
                    "attempt": number,"cancel_requested_at": string | null,"commit_sha": string | null,"completed_at": string | null,"created_at": string,"created_by": string | null,"error_message": string | null,"heartbeat_at": string | null,"id": string,"last_error": string | null,"lease_expires_at": string | null,"max_attempts": number,"organization_id": string | null,"owner_user_id": string | null,"progress": Json | null,"queue_job_id": string | null,"ref": string,"repeats_job_id": string | null,"repository": string,"repository_id": string,"retry_at": string | null,"started_at": string | null,"stats": Json | null,"status": Database["public"]['Enums']["job_status"],"tenant_id": string,"updated_at": string,"version": number,"worker_id": string | null
                  }
                  ComputedFields: never
                  Insert: {
                    "attempt"?: number,"cancel_requested_at"?: string | null,"commit_sha"?: string | null,"completed_at"?: string | null,"created_at": string,"created_by"?: string | null,"error_message"?: string | null,"heartbeat_at"?: string | null,"id": string,"last_error"?: string | null,"lease_expires_at"?: string | null,"max_attempts"?: number,"organization_id"?: string | null,"owner_user_id"?: string | null,"progress"?: Json | null,"queue_job_id"?: string | null,"ref"?: string,"repeats_job_id"?: string | null,"repository": string,"repository_id": string,"retry_at"?: string | null,"started_at"?: string | null,"stats"?: Json | null,"status"?: Database["public"]['Enums']["job_status"],"tenant_id"?: never,"updated_at": string,"version"?: number,"worker_id"?: string | null
                  }
                  Update: {
                    "attempt"?: number,"cancel_requested_at"?: string | null,"commit_sha"?: string | null,"completed_at"?: string | null,"created_at"?: string,"created_by"?: string | null,"error_message"?: string | null,"heartbeat_at"?: string | null,"id"?: string,"last_error"?: string | null,"lease_expires_at"?: string | null,"max_attempts"?: number,"organization_id"?: string | null,"owner_user_id"?: string | null,"progress"?: Json | null,"queue_job_id"?: string | null,"ref"?: string,"repeats_job_id"?: string | null,"repository"?: string,"repository_id"?: string,"retry_at"?: string | null,"started_at"?: string | null,"stats"?: Json | null,"status"?: Database["public"]['Enums']["job_status"],"tenant_id"?: never,"updated_at"?: string,"version"?: number,"worker_id"?: string | null
                  }
                  Relationships: [
                    {
      foreignKeyName: "index_jobs_organization_id_fkey"
      columns: ["organization_id"]
isOneToOne: false
      referencedRelation: "organizations"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "index_jobs_repository_id_fkey"
      columns: ["repository_id"]
isOneToOne: false
      referencedRelation: "repositories"
      referencedColumns: ["id"]
    }
                  ]
                },"indexed_commits": {
                  Row: {
                    "commit_sha": string,"extractor": string,"job_id": string,"repository_id": string,"stats": NonNullable<Json>
                  }
                  ComputedFields: never
                  Insert: {
                    "commit_sha": string,"extractor": string,"job_id": string,"repository_id": string,"stats": NonNullable<Json>
                  }
                  Update: {
                    "commit_sha"?: string,"extractor"?: string,"job_id"?: string,"repository_id"?: string,"stats"?: NonNullable<Json>
                  }
                  Relationships: [
                    {
      foreignKeyName: "indexed_commits_repository_id_fkey"
      columns: ["repository_id"]
isOneToOne: true
      referencedRelation: "repositories"
      referencedColumns: ["id"]
    }
                  ]
                },"indexed_files": {
                  Row: {
                    "blob_sha": string,"bytes": number,"id": number,"job_id": string | null,"language": string | null,"path": string,"repository_id": string,"symbol_count": number | null
                  }
                  ComputedFields: never
                  Insert: {
                    "blob_sha": string,"bytes": number,"id"?: never,"job_id"?: string | null,"language"?: string | null,"path": string,"repository_id": string,"symbol_count"?: number | null
                  }
                  Update: {
                    "blob_sha"?: string,"bytes"?: number,"id"?: never,"job_id"?: string | null,"language"?: string | null,"path"?: string,"repository_id"?: string,"symbol_count"?: number | null
                  }
                  Relationships: [
                    {
      foreignKeyName: "indexed_files_repository_id_fkey"
      columns: ["repository_id"]
isOneToOne: false
      referencedRelation: "repositories"
      referencedColumns: ["id"]
    }
                  ]
                },"organization_members": {
                  Row: {
                    "created_at": string,"organization_id": string,"role": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "created_at"?: string,"organization_id": string,"role"?: string,"user_id": string
                  }
                  Update: {
                    "created_at"?: string,"organization_id"?: string,"role"?: string,"user_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "organization_members_organization_id_fkey"
      columns: ["organization_id"]
isOneToOne: false
      referencedRelation: "organizations"
      referencedColumns: ["id"]
    }
                  ]
                },"organizations": {
                  Row: {
                    "created_at": string,"id": string,"name": string,"slug": string
                  }
                  ComputedFields: never
                  Insert: {
                    "created_at"?: string,"id"?: string,"name": string,"slug": string
                  }
                  Update: {
                    "created_at"?: string,"id"?: string,"name"?: string,"slug"?: string
                  }
                  Relationships: [
                    
                  ]
                },"repositories": {
                  Row: {
                    "created_at": string,"full_name": string,"git_url": string,"id": string,"organization_id": string | null,"owner_user_id": string | null
                  }
                  ComputedFields: never
                  Insert: {
                    "created_at"?: string,"full_name": string,"git_url": string,"id"?: string,"organization_id"?: string | null,"owner_user_id"?: string | null
                  }
                  Update: {
                    "created_at"?: string,"full_name"?: string,"git_url"?: string,"id"?: string,"organization_id"?: string | null,"owner_user_id"?: string | null
                  }
                  Relationships: [
                    {
      foreignKeyName: "repositories_organization_id_fkey"
      columns: ["organization_id"]
isOneToOne: false
      referencedRelation: "organizations"
      referencedColumns: ["id"]
    }
                  ]
                },"skipped_files": {
                  Row: {
                    "id": number,"job_id": string,"path": string,"reason": string,"repository_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "id"?: never,"job_id": string,"path": string,"reason": string,"repository_id": string
                  }
                  Update: {
                    "id"?: never,"job_id"?: string,"path"?: string,"reason"?: string,"repository_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "skipped_files_repository_id_fkey"
      columns: ["repository_id"]
isOneToOne: false
      referencedRelation: "repositories"
      referencedColumns: ["id"]
    }
                  ]
                },"symbols": {
                  Row: {
                    "end_line": number,"file_id": number,"id": number,"kind": string,"name": string,"parent": string | null,"repository_id": string,"start_line": number
                  }
                  ComputedFields: never
                  Insert: {
                    "end_line": number,"file_id": number,"id"?: never,"kind": string,"name": string,"parent"?: string | null,"repository_id": string,"start_line": number
                  }
                  Update: {
                    "end_line"?: number,"file_id"?: number,"id"?: never,"kind"?: string,"name"?: string,"parent"?: string | null,"repository_id"?: string,"start_line"?: number
                  }
                  Relationships: [
                    
                  ]
                }
          }
          Views: {
            [_ in never]: never
          }
          Functions: {
            "api_admin_get_job_status":
{ Args: { "p_claims": Json,"p_job_id": string,"p_reason"?: string }; Returns: unknown
                          SetofOptions: {
        from: "*"
        to: "api_answer"
        isOneToOne: true
        isSetofReturn: false
      } },
"api_call_function":
{ Args: { "p_arguments": string,"p_claims": Json,"p_function": string,"p_query": Json,"p_read_only": boolean }; Returns: {
              "body": string,"is_void": boolean,"row_count": number,"total": number
            }[]
                           },
"api_cancel_index_job":
{ Args: { "p_api_key": string,"p_claims": Json,"p_job_id": string }; Returns: unknown
                          SetofOptions: {
        from: "*"
        to: "api_answer"
        isOneToOne: true
        isSetofReturn: false
      } },
"api_count_request":
{ Args: { "p_api_key": string,"p_claims": Json }; Returns: unknown
                          SetofOptions: {
        from: "*"
        to: "api_answer"
        isOneToOne: true
        isSetofReturn: false
      } },
"api_create_index_job":
{ Args: { "p_api_key": string,"p_claims": Json,"p_commit_sha"?: string,"p_git_base_url"?: string,"p_idempotency_key"?: string,"p_local_url"?: string,"p_organization"?: string,"p_ref"?: string,"p_repository": string,"p_tracking_percent"?: number }; Returns: unknown
                          SetofOptions: {
        from: "*"
        to: "api_answer"
        isOneToOne: true
        isSetofReturn: false
      } },
"api_explain_index_job":
{ Args: { "p_api_key": string,"p_claims": Json,"p_job_id": string }; Returns: unknown
                          SetofOptions: {
        from: "*"
        to: "api_answer"
        isOneToOne: true
        isSetofReturn: false
      } },
"api_follow_index_job":
{ Args: { "p_after": number,"p_api_key": string,"p_claims": Json,"p_explains": boolean,"p_is_first": boolean,"p_job_id": string }; Returns: unknown
                          SetofOptions: {
        from: "*"
        to: "api_answer"
        isOneToOne: true
        isSetofReturn: false
      } },
"api_get_job_history":
{ Args: { "p_api_key": string,"p_claims": Json,"p_job_id": string }; Returns: unknown
                          SetofOptions: {
        from: "*"
        to: "api_answer"
        isOneToOne: true
        isSetofReturn: false
      } },
"api_get_job_status":
{ Args: { "p_api_key": string,"p_claims": Json,"p_job_id": string,"p_known_version"?: number }; Returns: unknown
                          SetofOptions: {
        from: "*"
        to: "api_answer"
        isOneToOne: true
        isSetofReturn: false
      } },
"api_job_counts":
{ Args: { "p_api_key": string,"p_claims": Json,"p_organization"?: string,"p_since"?: string }; Returns: unknown
                          SetofOptions: {
        from: "*"
        to: "api_answer"
        isOneToOne: true
        isSetofReturn: false
      } },
"api_list_index_jobs":
{ Args: { "p_api_key": string,"p_claims": Json,"p_cursor"?: string,"p_limit"?: number,"p_organization"?: string,"p_repository"?: string,"p_since"?: string,"p_status"?: string }; Returns: unknown
                          SetofOptions: {
        from: "*"
        to: "api_answer"
        isOneToOne: true
        isSetofReturn: false
      } },
"api_recheck_followers":
{ Args: { "p_all_claims": (string)[],"p_api_keys": (string)[],"p_job_ids": (string)[] }; Returns: unknown
                          SetofOptions: {
        from: "*"
        to: "api_answer"
        isOneToOne: true
        isSetofReturn: false
      } },
"api_schema_version":
{ Args: Record<PropertyKey, never>; Returns: {
              "is_writable": boolean,"serves": string,"version": string
            }[]
                           },
"api_watch_jobs":
{ Args: { "p_job_ids": (string)[],"p_versions": (number)[] }; Returns: unknown
                          SetofOptions: {
        from: "*"
        to: "api_answer"
        isOneToOne: true
        isSetofReturn: false
      } },
"begin_index":
{ Args: { "p_attempt": number,"p_extractor": string,"p_job_id": string }; Returns: {
              "base_commit_sha": string,"base_job_id": string,"base_stats": Json,"git_url": string
            }[]
                           },
"cancel_index_job":
{ Args: { "p_job_id": string }; Returns: {
              "attempt": number,
"cancel_requested_at": string | null,
"commit_sha": string | null,
"completed_at": string | null,
"created_at": string,
"created_by": string | null,
"error_message": string | null,
"heartbeat_at": string | null,
"id": string,
"last_error": string | null,
"lease_expires_at": string | null,
"max_attempts": number,
"organization_id": string | null,
"owner_user_id": string | null,
"progress": Json | null,
"queue_job_id": string | null,
"ref": string,
"repeats_job_id": string | null,
"repository": string,
"repository_id": string,
"retry_at": string | null,
"started_at": string | null,
"stats": Json | null,
"status": Database["public"]['Enums']["job_status"],
"tenant_id": string,
"updated_at": string,
"version": number,
"worker_id": string | null
            }[]
                          SetofOptions: {
        from: "*"
        to: "index_jobs"
        isOneToOne: false
        isSetofReturn: true
      } },
"claim_index_job":
{ Args: { "p_except_tenant_ids"?: (string)[],"p_lease"?: string,"p_worker_id": string }; Returns: {
              "attempt": number,
"cancel_requested_at": string | null,
"commit_sha": string | null,
"completed_at": string | null,
"created_at": string,
"created_by": string | null,
"error_message": string | null,
"heartbeat_at": string | null,
"id": string,
"last_error": string | null,
"lease_expires_at": string | null,
"max_attempts": number,
"organization_id": string | null,
"owner_user_id": string | null,
"progress": Json | null,
"queue_job_id": string | null,
"ref": string,
"repeats_job_id": string | null,
"repository": string,
"repository_id": string,
"retry_at": string | null,
"started_at": string | null,
"stats": Json | null,
"status": Database["public"]['Enums']["job_status"],
"tenant_id": string,
"updated_at": string,
"version": number,
"worker_id": string | null
            }[]
                          SetofOptions: {
        from: "*"
        to: "index_jobs"
        isOneToOne: false
        isSetofReturn: true
      } },
"complete_index":
{ Args: { "p_attempt": number,"p_base_job_id"?: string,"p_commit_sha"?: string,"p_done"?: number,"p_extractor": string,"p_job_id": string,"p_phase"?: string,"p_stats"?: Json,"p_total"?: number,"p_worker_id": string }; Returns: string
                           },
"create_api_key":
{ Args: { "p_expires_at"?: string,"p_name": string }; Returns: {
              "api_key": string,"created_at": string,"expires_at": string,"key_id": string,"name": string
            }[]
                           },
"create_index_job":
{ Args: { "p_commit_sha"?: string,"p_idempotency_key"?: string,"p_ref"?: string,"p_repository_id": string }; Returns: {
              "attempt": number,
"cancel_requested_at": string | null,
"commit_sha": string | null,
"completed_at": string | null,
"created_at": string,
"created_by": string | null,
"error_message": string | null,
"heartbeat_at": string | null,
"id": string,
"last_error": string | null,
"lease_expires_at": string | null,
"max_attempts": number,
"organization_id": string | null,
"owner_user_id": string | null,
"progress": Json | null,
"queue_job_id": string | null,
"ref": string,
"repeats_job_id": string | null,
"repository": string,
"repository_id": string,
"retry_at": string | null,
"started_at": string | null,
"stats": Json | null,
"status": Database["public"]['Enums']["job_status"],
"tenant_id": string,
"updated_at": string,
"version": number,
"worker_id": string | null
            }[]
                          SetofOptions: {
        from: "*"
        to: "index_jobs"
        isOneToOne: false
        isSetofReturn: true
      } },
"ensure_repository":
{ Args: { "p_full_name": string,"p_git_url"?: string,"p_organization_id"?: string }; Returns: {
              "created_at": string,
"full_name": string,
"git_url": string,
"id": string,
"organization_id": string | null,
"owner_user_id": string | null
            }[]
                          SetofOptions: {
        from: "*"
        to: "repositories"
        isOneToOne: false
        isSetofReturn: true
      } },
"explain_index_job":
{ Args: { "p_job_id": string }; Returns: {
              "eta_basis": string,"eta_p50": number,"eta_p90": number,"eta_samples": number,"own_ahead": number,"position": number,"reason": string,"sentence": string,"until": string
            }[]
                           },
"fail_job_attempt":
{ Args: { "p_attempt": number,"p_error": string,"p_job_id": string,"p_retryable"?: boolean }; Returns: {
              "attempt": number,
"cancel_requested_at": string | null,
"commit_sha": string | null,
"completed_at": string | null,
"created_at": string,
"created_by": string | null,
"error_message": string | null,
"heartbeat_at": string | null,
"id": string,
"last_error": string | null,
"lease_expires_at": string | null,
"max_attempts": number,
"organization_id": string | null,
"owner_user_id": string | null,
"progress": Json | null,
"queue_job_id": string | null,
"ref": string,
"repeats_job_id": string | null,
"repository": string,
"repository_id": string,
"retry_at": string | null,
"started_at": string | null,
"stats": Json | null,
"status": Database["public"]['Enums']["job_status"],
"tenant_id": string,
"updated_at": string,
"version": number,
"worker_id": string | null
            }[]
                          SetofOptions: {
        from: "*"
        to: "index_jobs"
        isOneToOne: false
        isSetofReturn: true
      } },
"get_job_history":
{ Args: { "p_job_id": string }; Returns: {
              "at": string,
"attempt": number,
"detail": NonNullable<Json>,
"event_no": number,
"from_status": Database["public"]['Enums']["job_status"] | null,
"job_id": string,
"to_status": Database["public"]['Enums']["job_status"],
"version": number,
"worker_id": string | null
            }[]
                          SetofOptions: {
        from: "*"
        to: "index_job_events"
        isOneToOne: false
        isSetofReturn: true
      } },
"get_job_status":
{ Args: { "p_job_id": string }; Returns: {
              "attempt": number,
"cancel_requested_at": string | null,
"commit_sha": string | null,
"completed_at": string | null,
"created_at": string,
"created_by": string | null,
"error_message": string | null,
"heartbeat_at": string | null,
"id": string,
"last_error": string | null,
"lease_expires_at": string | null,
"max_attempts": number,
"organization_id": string | null,
"owner_user_id": string | null,
"progress": Json | null,
"queue_job_id": string | null,
"ref": string,
"repeats_job_id": string | null,
"repository": string,
"repository_id": string,
"retry_at": string | null,
"started_at": string | null,
"stats": Json | null,
"status": Database["public"]['Enums']["job_status"],
"tenant_id": string,
"updated_at": string,
"version": number,
"worker_id": string | null
            }[]
                          SetofOptions: {
        from: "*"
        to: "index_jobs"
        isOneToOne: false
        isSetofReturn: true
      } },
"job_counts":
{ Args: { "p_organization_id"?: string,"p_since"?: string }; Returns: {
              "cancelled": number,"completed": number,"duration_p50": number,"duration_p95": number,"failed": number,"oldest_pending_at": string,"pending": number,"processing": number,"wait_p50": number,"wait_p95": number
            }[]
                           },
"link_queue_job":
{ Args: { "p_job_id": string,"p_queue_job_id": string }; Returns: {
              "attempt": number,
"cancel_requested_at": string | null,
"commit_sha": string | null,
"completed_at": string | null,
"created_at": string,
"created_by": string | null,
"error_message": string | null,
"heartbeat_at": string | null,
"id": string,
"last_error": string | null,
"lease_expires_at": string | null,
"max_attempts": number,
"organization_id": string | null,
"owner_user_id": string | null,
"progress": Json | null,
"queue_job_id": string | null,
"ref": string,
"repeats_job_id": string | null,
"repository": string,
"repository_id": string,
"retry_at": string | null,
"started_at": string | null,
"stats": Json | null,
"status": Database["public"]['Enums']["job_status"],
"tenant_id": string,
"updated_at": string,
"version": number,
"worker_id": string | null
            }[]
                          SetofOptions: {
        from: "*"
        to: "index_jobs"
        isOneToOne: false
        isSetofReturn: true
      } },
"list_api_keys":
{ Args: Record<PropertyKey, never>; Returns: {
              "created_at": string,"enabled": boolean,"expires_at": string,"key_id": string,"last_used_at": string,"name": string
            }[]
                           },
"list_index_jobs":
{ Args: { "p_cursor"?: string,"p_limit"?: number,"p_organization_id"?: string,"p_repository_id"?: string,"p_since"?: string,"p_status"?: string }; Returns: {
              "attempt": number,
"cancel_requested_at": string | null,
"commit_sha": string | null,
"completed_at": string | null,
"created_at": string,
"created_by": string | null,
"error_message": string | null,
"heartbeat_at": string | null,
"id": string,
"last_error": string | null,
"lease_expires_at": string | null,
"max_attempts": number,
"organization_id": string | null,
"owner_user_id": string | null,
"progress": Json | null,
"queue_job_id": string | null,
"ref": string,
"repeats_job_id": string | null,
"repository": string,
"repository_id": string,
"retry_at": string | null,
"started_at": string | null,
"stats": Json | null,
"status": Database["public"]['Enums']["job_status"],
"tenant_id": string,
"updated_at": string,
"version": number,
"worker_id": string | null
            }[]
                          SetofOptions: {
        from: "*"
        to: "index_jobs"
        isOneToOne: false
        isSetofReturn: true
      } },
"purge_finished_jobs":
{ Args: { "p_limit"?: number,"p_older_than"?: string }; Returns: {
              "purged": number
            }[]
                           },
"record_index_run":
{ Args: { "p_commit_sha"?: string,"p_error"?: string,"p_ref"?: string,"p_repository_id": string,"p_stats"?: Json,"p_status"?: string }; Returns: {
              "attempt": number,
"cancel_requested_at": string | null,
"commit_sha": string | null,
"completed_at": string | null,
"created_at": string,
"created_by": string | null,
"error_message": string | null,
"heartbeat_at": string | null,
"id": string,
"last_error": string | null,
"lease_expires_at": string | null,
"max_attempts": number,
"organization_id": string | null,
"owner_user_id": string | null,
"progress": Json | null,
"queue_job_id": string | null,
"ref": string,
"repeats_job_id": string | null,
"repository": string,
"repository_id": string,
"retry_at": string | null,
"started_at": string | null,
"stats": Json | null,
"status": Database["public"]['Enums']["job_status"],
"tenant_id": string,
"updated_at": string,
"version": number,
"worker_id": string | null
            }[]
                          SetofOptions: {
        from: "*"
        to: "index_jobs"
        isOneToOne: false
        isSetofReturn: true
      } },
"report_job_progress":
{ Args: { "p_attempt": number,"p_done"?: number,"p_job_id": string,"p_lease"?: string,"p_phase"?: string,"p_total"?: number }; Returns: {
              "cancel_requested": boolean,"lease_expires_at": string
            }[]
                           },
"report_runner":
{ Args: { "p_busy": number,"p_host": string,"p_pid": number,"p_release": string,"p_slots": number,"p_worker_id": string }; Returns: undefined
                           },
"retry_or_fail_stuck_jobs":
{ Args: { "p_limit"?: number,"p_older_than"?: string }; Returns: {
              "cancelled": number,"failed": number,"retried": number
            }[]
                           },
"revoke_api_key":
{ Args: { "p_key_id": string }; Returns: {
              "created_at": string,"enabled": boolean,"expires_at": string,"key_id": string,"last_used_at": string,"name": string
            }[]
                           },
"store_index_rows":
{ Args: { "p_attempt": number,"p_job_id": string }; Returns: number
                           },
"update_job_status":
{ Args: { "p_attempt"?: number,"p_job_id": string,"p_metadata"?: Json,"p_status": string,"p_worker_id"?: string }; Returns: {
              "attempt": number,
"cancel_requested_at": string | null,
"commit_sha": string | null,
"completed_at": string | null,
"created_at": string,
"created_by": string | null,
"error_message": string | null,
"heartbeat_at": string | null,
"id": string,
"last_error": string | null,
"lease_expires_at": string | null,
"max_attempts": number,
"organization_id": string | null,
"owner_user_id": string | null,
"progress": Json | null,
"queue_job_id": string | null,
"ref": string,
"repeats_job_id": string | null,
"repository": string,
"repository_id": string,
"retry_at": string | null,
"started_at": string | null,
"stats": Json | null,
"status": Database["public"]['Enums']["job_status"],
"tenant_id": string,
"updated_at": string,
"version": number,
"worker_id": string | null
            }[]
                          SetofOptions: {
        from: "*"
        to: "index_jobs"
        isOneToOne: false
        isSetofReturn: true
      } }
          }
          Enums: {
            "job_status": "pending"|"processing"|"completed"|"failed"|"cancelled"
          }
          CompositeTypes: {
            [_ in never]: never
          }
        }
}

type DatabaseWithoutInternals = Omit<Database, '__InternalSupabase'>

type DefaultSchema = DatabaseWithoutInternals[Extract<keyof Database, "public">]

export type Tables<
  DefaultSchemaTableNameOrOptions extends
    | keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof (DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"] &
        DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"])
    : never = never
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? (DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"] &
      DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"])[TableName] extends {
      Row: infer R
    }
    ? R
    : never
  : DefaultSchemaTableNameOrOptions extends keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
  ? (DefaultSchema["Tables"] & DefaultSchema["Views"])[DefaultSchemaTableNameOrOptions] extends {
      Row: infer R
    }
    ? R
    : never
  : never

export type TablesInsert<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
      Insert: infer I
    }
    ? I
    : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
  ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Insert: infer I
    }
    ? I
    : never
  : never

export type TablesUpdate<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
      Update: infer U
    }
    ? U
    : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
  ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Update: infer U
    }
    ? U
    : never
  : never

export type Enums<
  DefaultSchemaEnumNameOrOptions extends
    | keyof DefaultSchema["Enums"]
    | { schema: keyof DatabaseWithoutInternals },
  EnumName extends DefaultSchemaEnumNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"]
    : never = never
> = DefaultSchemaEnumNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"][EnumName]
  : DefaultSchemaEnumNameOrOptions extends keyof DefaultSchema["Enums"]
  ? DefaultSchema["Enums"][DefaultSchemaEnumNameOrOptions]
  : never

export type CompositeTypes<
  PublicCompositeTypeNameOrOptions extends
    | keyof DefaultSchema["CompositeTypes"]
    | { schema: keyof DatabaseWithoutInternals },
  CompositeTypeName extends PublicCompositeTypeNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"]
    : never = never
> = PublicCompositeTypeNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"][CompositeTypeName]
  : PublicCompositeTypeNameOrOptions extends keyof DefaultSchema["CompositeTypes"]
  ? DefaultSchema["CompositeTypes"][PublicCompositeTypeNameOrOptions]
  : never

export const Constants = {
  "public": {
          Enums: {
            "job_status": ["pending", "processing", "completed", "failed", "cancelled"]
          }
        }
} as const
