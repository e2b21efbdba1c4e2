-- Receivers that are gone: they answered 410, which disables their webhook.
alter table webhooks add column gone_at timestamptz;
comment on column webhooks.gone_at is
    'Time of the answer 410 Gone that disabled it, an alarm until it is enabled or deleted; null: none';
