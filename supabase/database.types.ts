
export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[]

/** Where the work on a job is; `total` is null while it is unknown. */
export type JobProgress = { phase: string; done: number; total: number | null }

/** What a completed job counted; which members there are depends on the indexer. */
export type JobStats = {
  files_indexed?: number
  symbols_extracted?: number
  files_skipped?: number
  files_unchanged?: number
  bytes?: number
  languages?: { [language: string]: number }
  skipped?: { [reason: string]: number }
  unparsed?: number
  reused?: boolean
  reused_job_id?: string
  [name: string]: Json | undefined
}

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
                    "attempt": number,"cancel_requested_at": string | null,"commit_sha": string | null,"completed_at": string | null,"created_at": string,"created_by": string | null,"error_message": string | null,"heartbeat_at": string | null,"id": string,"last_error": string | null,"lease_expires_at": string | null,"max_attempts": number,"organization_id": string | null,"owner_user_id": string | null,"progress": JobProgress | null,"queue_job_id": string | null,"ref": string,"repeats_job_id": string | null,"repository": string,"repository_id": string,"retry_at": string | null,"started_at": string | null,"stats": JobStats | null,"status": Database["public"]['Enums']["job_status"],"tenant_id": string,"updated_at": string,"version": number,"worker_id": string | null
                  }
                  ComputedFields: never
                  Insert: {
                    "attempt"?: number,"cancel_requested_at"?: string | null,"commit_sha"?: string | null,"completed_at"?: string | null,"created_at": string,"created_by"?: string | null,"error_message"?: string | null,"heartbeat_at"?: string | null,"id": string,"last_error"?: string | null,"lease_expires_at"?: string | null,"max_attempts"?: number,"organization_id"?: string | null,"owner_user_id"?: string | null,"progress"?: JobProgress | null,"queue_job_id"?: string | null,"ref"?: string,"repeats_job_id"?: string | null,"repository": string,"repository_id": string,"retry_at"?: string | null,"started_at"?: string | null,"stats"?: JobStats | null,"status"?: Database["public"]['Enums']["job_status"],"tenant_id"?: never,"updated_at": string,"version"?: number,"worker_id"?: string | null
                  }
                  Update: {
                    "attempt"?: number,"cancel_requested_at"?: string | null,"commit_sha"?: string | null,"completed_at"?: string | null,"created_at"?: string,"created_by"?: string | null,"error_message"?: string | null,"heartbeat_at"?: string | null,"id"?: string,"last_error"?: string | null,"lease_expires_at"?: string | null,"max_attempts"?: number,"organization_id"?: string | null,"owner_user_id"?: string | null,"progress"?: JobProgress | null,"queue_job_id"?: string | null,"ref"?: string,"repeats_job_id"?: string | null,"repository"?: string,"repository_id"?: string,"retry_at"?: string | null,"started_at"?: string | null,"stats"?: JobStats | null,"status"?: Database["public"]['Enums']["job_status"],"tenant_id"?: never,"updated_at"?: string,"version"?: number,"worker_id"?: string | null
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
"progress": JobProgress | null,
"queue_job_id": string | null,
"ref": string,
"repeats_job_id": string | null,
"repository": string,
"repository_id": string,
"retry_at": string | null,
"started_at": string | null,
"stats": JobStats | null,
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
"create_api_key":
{ Args: { "p_expires_at"?: string | null,"p_name": string }; Returns: {
              "api_key": string,"created_at": string,"expires_at": string | null,"key_id": string,"name": string
            }[]
                           },
"create_index_job":
{ Args: { "p_commit_sha"?: string | null,"p_idempotency_key"?: string | null,"p_ref"?: string | null,"p_repository_id": string }; Returns: {
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
"progress": JobProgress | null,
"queue_job_id": string | null,
"ref": string,
"repeats_job_id": string | null,
"repository": string,
"repository_id": string,
"retry_at": string | null,
"started_at": string | null,
"stats": JobStats | null,
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
{ Args: { "p_full_name": string,"p_git_url"?: string | null,"p_organization_id"?: string | null }; Returns: {
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
              "eta_basis": string | null,"eta_p50": number | null,"eta_p90": number | null,"eta_samples": number | null,"own_ahead": number | null,"position": number | null,"reason": string,"sentence": string,"until": string | null
            }[]
                           },
"find_symbols":
{ Args: { "p_cursor"?: string | null,"p_limit"?: number,"p_name"?: string | null,"p_prefix"?: string | null,"p_repository_id": string }; Returns: {
              "commit_sha": string,"cursor": string,"end_line": number,"job_id": string,"kind": string,"language": string | null,"name": string,"parent": string | null,"path": string,"start_line": number
            }[]
                           },
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
"progress": JobProgress | null,
"queue_job_id": string | null,
"ref": string,
"repeats_job_id": string | null,
"repository": string,
"repository_id": string,
"retry_at": string | null,
"started_at": string | null,
"stats": JobStats | null,
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
{ Args: { "p_organization_id"?: string | null,"p_since"?: string | null }; Returns: {
              "cancelled": number,"completed": number,"duration_p50": number | null,"duration_p95": number | null,"failed": number,"oldest_pending_at": string | null,"pending": number,"processing": number,"wait_p50": number | null,"wait_p95": number | null
            }[]
                           },
"list_api_keys":
{ Args: Record<PropertyKey, never>; Returns: {
              "created_at": string,"enabled": boolean,"expires_at": string | null,"key_id": string,"last_used_at": string | null,"name": string
            }[]
                           },
"list_index_jobs":
{ Args: { "p_cursor"?: string | null,"p_limit"?: number,"p_organization_id"?: string | null,"p_repository_id"?: string | null,"p_since"?: string | null,"p_status"?: string | null }; Returns: {
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
"progress": JobProgress | null,
"queue_job_id": string | null,
"ref": string,
"repeats_job_id": string | null,
"repository": string,
"repository_id": string,
"retry_at": string | null,
"started_at": string | null,
"stats": JobStats | null,
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
"list_indexed_files":
{ Args: { "p_cursor"?: string | null,"p_limit"?: number,"p_repository_id": string }; Returns: {
              "blob_sha": string,"bytes": number,"commit_sha": string,"cursor": string,"job_id": string,"language": string | null,"path": string,"symbol_count": number | null
            }[]
                           },
"list_skipped_files":
{ Args: { "p_cursor"?: string | null,"p_limit"?: number,"p_reason"?: string | null,"p_repository_id": string }; Returns: {
              "commit_sha": string,"cursor": string,"job_id": string,"path": string,"reason": string
            }[]
                           },
"revoke_api_key":
{ Args: { "p_key_id": string }; Returns: {
              "created_at": string,"enabled": boolean,"expires_at": string,"key_id": string,"last_used_at": string,"name": string
            }[]
                           },
"set_repository_url":
{ Args: { "p_git_url": string,"p_repository_id": string }; Returns: {
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
