-- Payments through a gateway: what is still to be done there, for whoever takes up what a crash left between.
alter table views.bookings add column gateway_task text collate "C";
create index gateway_tasks on views.bookings (id) where gateway_task is not null;
comment on column views.bookings.gateway_task is
    'What the payment''s gateway is still to be asked: authorise, capture or void; null: nothing';

alter table views.refunds
    add column gateway      text collate "C",
    add column charge       text collate "C",
    add column requested_at timestamptz,
    add column refusal      text collate "C";
alter table views.refunds add column status text collate "C" not null generated always as (
    case when settled_at is not null then 'settled'
         when requested_at is not null and refusal is null then 'requested'
         else 'due' end) stored;
drop index views.refunds_due;
create index refunds_open on views.refunds (status, id) where settled_at is null;
comment on column views.refunds.gateway is 'Who took the payment and can pay the refund; null: nobody but us';
comment on column views.refunds.charge is 'The gateway''s name for the payment';
comment on column views.refunds.requested_at is 'When the gateway was asked to pay it';
comment on column views.refunds.refusal is 'Why the gateway will not pay it: it is due, by hand';
