-- Rules as shipped are not written down: the release before can't read them there.
update routing_settings r set settings = r.settings
    || jsonb_build_object('first_contact_owns', s.first_contact_owns, 'owner_valid_months', s.owner_valid_months)
from customer_settings s where s.first_contact_owns or s.owner_valid_months <> 2;
drop table customer_settings;
create view customer_settings as
    select coalesce((settings->>'first_contact_owns')::bool, false) as first_contact_owns,
        coalesce((settings->>'owner_valid_months')::int, 2) as owner_valid_months
    from routing_settings;
comment on view customer_settings is 'The rules of customers'' owners out of the configuration, so that profiles and files bring them (OWN-01, OWN-02).';
